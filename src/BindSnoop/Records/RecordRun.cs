namespace BindSnoop.Records;

/// <summary>A time in which one recorder wrote: a row of <c>run</c>.</summary>
/// <param name="Id">Its number; 0 if there is none.</param>
/// <param name="Boot">The boot that it was in.</param>
/// <param name="Base">When that boot began, in the record's time.</param>
/// <param name="Alive">Until when everything was written down.</param>
/// <param name="Seen">When all sockets were seen last.</param>
/// <param name="HasEnded">Whether it ended by intention.</param>
internal readonly record struct RecordRun(long Id, string? Boot, long Base, long Alive, long Seen, bool HasEnded)
{
    /// <summary>The last of a record.</summary>
    public static RecordRun ReadLast(RecordDatabase database)
    {
        using RecordStatement last = database.Prepare("SELECT id, boot, base, alive, seen, ended FROM run ORDER BY id DESC LIMIT 1");
        return last.Step() ? new(last.Number(0), last.Text(1), last.Number(2), last.Number(3), last.Number(4), last.Number(5) != 0) : default;
    }

    /// <summary>Writes down that it begins, at <see cref="Alive"/>.</summary>
    /// <param name="blind">What cannot be seen; empty if all can.</param>
    public void Insert(RecordDatabase database, RecordHost host, string blind)
    {
        using RecordStatement run = database.Prepare("INSERT INTO run(id, boot, host, version, base, began, alive, seen, ended, blind) VALUES(?,?,?,?,?,?,?,?,0,?)");
        run.Bind(1, Id);
        run.Bind(2, Boot);
        run.Bind(3, host.Name);
        run.Bind(4, host.Version);
        run.Bind(5, Base);
        run.Bind(6, Alive);
        run.Bind(7, Alive);
        run.Bind(8, Seen);
        run.Bind(9, blind);
        run.Run();
    }
}

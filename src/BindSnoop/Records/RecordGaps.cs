namespace BindSnoop.Records;

/// <summary>The spans of time of which a record does not know everything: the rows of <c>gap</c>.</summary>
internal sealed class RecordGaps(RecordDatabase database)
{
    /// <summary>When the one that is going on began, in the record's time; less than 0 if there is none.</summary>
    public long Began { get; private set; } = -1;

    /// <summary>Whether one is going on.</summary>
    public bool IsOpen => Began >= 0;

    /// <summary>Begins one; if one is going on, this becomes part of it.</summary>
    /// <param name="lost">How many calls were lost, if that is known.</param>
    public void Begin(long began, RecordGapReason reason, long lost = 0)
    {
        if (!IsOpen)
        {
            Began = began;
            Add(began, began, reason, lost);
        }
        else if (lost > 0)
        {
            database.Execute("UPDATE gap SET lost = lost + ?2 WHERE began = ?1", Began, lost);
        }
    }

    /// <summary>The one that is going on, if any, lasts until then at least.</summary>
    public void Extend(long ended)
    {
        if (IsOpen)
        {
            database.Execute("UPDATE gap SET ended = ?2 WHERE began = ?1", Began, ended);
        }
    }

    /// <summary>Ends the one that is going on, if any.</summary>
    public void End(long ended)
    {
        Extend(ended);
        Began = -1;
    }

    /// <summary>Writes down one that has ended.</summary>
    public void Add(long began, long ended, RecordGapReason reason, long lost = 0)
    {
        using RecordStatement gap = database.Prepare(
            "INSERT INTO gap(began, ended, reason, lost) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(began) DO UPDATE SET ended = max(ended, ?2), lost = lost + ?4");
        gap.Bind(1, began);
        gap.Bind(2, ended);
        gap.Bind(3, reason.ToString());
        gap.Bind(4, lost);
        gap.Run();
    }
}

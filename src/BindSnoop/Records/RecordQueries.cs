namespace BindSnoop.Records;

/// <summary>Finds the rows of a record for the requested ports, or for all ports.</summary>
internal sealed class RecordQueries : IDisposable
{
    private readonly RecordDatabase _database;
    private readonly List<Epoch> _epochs = [];
    private readonly Dictionary<string, RecordStatement> _statements = [];

    public RecordQueries(RecordDatabase database)
    {
        _database = database;
        using RecordStatement epochs = database.Prepare("SELECT id, began, ended FROM epoch ORDER BY id");
        while (epochs.Step())
        {
            _epochs.Add(new(epochs.Number(0), epochs.Number(1), epochs.NumberOrNull(2) ?? long.MaxValue));
        }
    }

    /// <summary>When the first epoch began, in the record's time.</summary>
    public long Began => _epochs.Count > 0 ? _epochs[0].Began : 0;

    /// <summary>The binds that may have been held at a moment, for the requested ports.</summary>
    public IEnumerable<RecordRow> RowsHeldAround(IReadOnlyList<PortRange> ports, long time)
    {
        int index = _epochs.FindLastIndex(e => e.Began <= time);
        if (index < 0)
        {
            return [];
        }

        return Carried(ports, _epochs[index].Id).Concat(RowsOf(ports, _epochs[index], RecordKind.Bind, 0, time)).Concat(RowsFoundAfter(ports, time));
    }

    /// <summary>The binds that a scan found after a moment and that may be older, for the requested ports.</summary>
    public IEnumerable<RecordRow> RowsFoundAfter(IReadOnlyList<PortRange> ports, long time)
    {
        // Looks are due every second, but can be any time apart, as where one takes long, does not see everything, or the machine
        // sleeps. The first that says 'not before' of a later moment ends the search.
        long latest = _database.Number("SELECT id FROM bind WHERE id > ?1 AND id - early > ?1 ORDER BY id LIMIT 1", time) ??
            _database.Number("SELECT max(id) FROM bind WHERE early NOT NULL") ?? time;
        return _epochs.Where(e => e.Ended > time).TakeWhile(e => e.Began <= latest)
            .SelectMany(e => RowsOf(ports, e, RecordKind.Bind, time + 1, latest, " AND r.early NOT NULL"))
            .Where(r => r.Id - r.Early <= time);
    }

    /// <summary>The rows between two times, in their order.</summary>
    public IEnumerable<(RecordKind Kind, RecordRow Row)> RowsBetween(IReadOnlyList<PortRange> ports, IReadOnlyList<RecordKind> kinds, long from, long until) =>
        _epochs.Where(e => e.Began <= until && e.Ended > from).SelectMany(
            epoch => kinds.SelectMany(k => RowsOf(ports, epoch, k, from, until).Select(r => (Kind: k, Row: r))).OrderBy(r => r.Row.Id));

    public void Dispose()
    {
        foreach (RecordStatement statement in _statements.Values)
        {
            statement.Dispose();
        }
    }

    private static IEnumerable<PortRange> Ranges(IReadOnlyList<PortRange> ports) => ports.Count > 0 ? ports : [new PortRange(0, ushort.MaxValue)];

    private static string Columns(RecordKind kind) => "r.id, r.port, r.who, r.what, r.pid, r.tid, r.inode, " + kind switch
    {
        RecordKind.Bind => "r.held, r.gone, r.early",
        RecordKind.Failure => "r.error, r.finding, NULL",
        _ => "r.error, r.backlog, r.most",
    };

    private IEnumerable<RecordRow> Carried(IReadOnlyList<PortRange> ports, long epoch) => Ranges(ports).SelectMany(range => Query(
        $"SELECT {Columns(RecordKind.Bind)} FROM carried c CROSS JOIN bind r ON r.id = c.id WHERE c.epoch = ?1 AND c.port BETWEEN ?2 AND ?3",
        epoch, range.First, range.Last));

    /// <summary>The rows of an epoch between two times, for the requested ports.</summary>
    /// <param name="condition">What else holds for them, in SQL.</param>
    private IEnumerable<RecordRow> RowsOf(IReadOnlyList<PortRange> ports, Epoch epoch, RecordKind kind, long from, long until, string condition = "")
    {
        long first = Math.Max(from, epoch.Began);
        long last = Math.Min(until, epoch.Ended - 1);
        string table = RecordSchema.TableOf(kind);
        if (ports.Count > 0 && epoch.Ended != long.MaxValue)
        {
            return Ranges(ports).SelectMany(range => Query(
                $"SELECT {Columns(kind)} FROM port p CROSS JOIN {table} r ON r.id = ?1 + p.at WHERE p.epoch = ?2 AND p.port BETWEEN ?3 AND ?4 AND p.kind = ?5 AND p.at BETWEEN ?6 AND ?7{condition}",
                epoch.Began, epoch.Id, range.First, range.Last, (long)kind, first - epoch.Began, last - epoch.Began));
        }

        // All of it is requested, or it is the current epoch and not in the index yet.
        return Ranges(ports).SelectMany(range => Query(
            $"SELECT {Columns(kind)} FROM {table} r WHERE r.id BETWEEN ?1 AND ?2 AND r.port BETWEEN ?3 AND ?4{condition}", first, last, range.First, range.Last));
    }

    private IEnumerable<RecordRow> Query(string sql, params long[] values)
    {
        // The same for each epoch; never are two of the same read at a time.
        if (!_statements.TryGetValue(sql, out RecordStatement? query))
        {
            _statements[sql] = query = _database.Prepare(sql);
        }

        try
        {
            query.Bind(values);
            while (query.Step())
            {
                long processId = query.Number(4);
                yield return new(
                    query.Number(0), (int)query.Number(1), query.Number(2), query.Number(3), (int)processId, (int)(query.NumberOrNull(5) ?? processId),
                    query.Number(6), query.Number(7), query.NumberOrNull(8), query.NumberOrNull(9));
            }
        }
        finally
        {
            query.Reset();
        }
    }

    /// <param name="Ended">The first microsecond after it.</param>
    private readonly record struct Epoch(long Id, long Began, long Ended);
}

namespace BindSnoop.Records;

/// <summary>
/// The epochs of a record: each has an index of its rows by port, made when it ends, and a list of what was held when it began. The
/// oldest is dropped as a whole.
/// </summary>
internal sealed class RecordEpochs : IDisposable
{
    private const long Length = 1_800_000_000;

    private readonly RecordDatabase _database;
    private readonly RecordStatement _port;
    private readonly RecordStatement _carry;
    private readonly List<(ushort Port, RecordKind Kind, long Id)> _entries = [];

    /// <summary>Continues the current epoch, or begins the first.</summary>
    public RecordEpochs(RecordDatabase database)
    {
        _database = database;
        ReadLast();
        _port = database.Prepare("INSERT OR IGNORE INTO port(epoch, port, kind, at) VALUES(?,?,?,?)");
        try
        {
            _carry = database.Prepare("INSERT OR IGNORE INTO carried(epoch, port, id) VALUES(?,?,?)");
        }
        catch
        {
            _port.Dispose();
            throw;
        }
    }

    /// <summary>The number of the epoch that is going on.</summary>
    public long Id { get; private set; }

    /// <summary>When it began, in the record's time.</summary>
    public long Began { get; private set; }

    /// <summary>Its last row.</summary>
    public long Last { get; private set; }

    /// <summary>Takes note of a row that was written.</summary>
    public void Add(RecordKind kind, long id, int port)
    {
        Last = Math.Max(Last, id);
        _entries.Add(((ushort)port, kind, id));
    }

    /// <summary>Whether it should end.</summary>
    /// <param name="now">Now, in the record's time.</param>
    /// <param name="most">How many rows it may have.</param>
    public bool IsFull(long now, int most) => _entries.Count >= most || (now - Began >= Length && _entries.Count > 0);

    /// <summary>Puts the rows of the epoch into the index, in its order, and begins the next with what is held.</summary>
    public void End(long now, IEnumerable<(ushort Port, long Id)> held)
    {
        _entries.Sort((a, b) => (a.Port, a.Kind, a.Id).CompareTo((b.Port, b.Kind, b.Id)));
        foreach ((ushort port, RecordKind kind, long id) in _entries)
        {
            _port.Bind(Id, port, (long)kind, id - Began);
            _port.Run();
        }

        _entries.Clear();
        long ended = Math.Max(now, Last) + 1;
        _database.Execute("UPDATE epoch SET ended = ?2 WHERE id = ?1", Id, ended);
        Began = ended;
        _database.Execute("INSERT INTO epoch(id, began) VALUES(?1, ?2)", ++Id, ended);
        foreach ((ushort port, long id) in held.Order())
        {
            _carry.Bind(Id, port, id);
            _carry.Run();
        }
    }

    /// <summary>Removes the oldest.</summary>
    /// <param name="before">What ended before that, in the record's time.</param>
    /// <param name="mostBytes">How many bytes may be in use.</param>
    /// <param name="run">The run that is going on, which stays.</param>
    /// <param name="gap">When the gap that is going on began; it stays.</param>
    public void Prune(long before, long mostBytes, long run, long gap)
    {
        // Not all at once: what comes meanwhile waits in memory.
        const int Most = 4;
        for (int count = 0; count < Most; count++)
        {
            if (_database.Number("SELECT id FROM epoch WHERE ended NOT NULL AND id < ?1 ORDER BY id LIMIT 1", Id) is not { } oldest)
            {
                return;
            }

            long ended = _database.Number("SELECT ended FROM epoch WHERE id = ?1", oldest) ?? 0;
            long used = _database.Number("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size") ?? 0;
            if (ended > before && used <= mostBytes)
            {
                return;
            }

            Drop(oldest, ended, run, gap);
        }
    }

    public void Dispose()
    {
        _port.Dispose();
        _carry.Dispose();
    }

    /// <summary>The epoch that is going on, and what of it is not in the index yet.</summary>
    private void ReadLast()
    {
        Id = _database.Number("SELECT max(id) FROM epoch") ?? 0;
        if (Id == 0)
        {
            Id = 1;
            _database.Execute("INSERT INTO epoch(id, began) VALUES(1, 0)");
        }

        Began = _database.Number("SELECT began FROM epoch WHERE id = ?1", Id) ?? 0;
        Last = Began;
        foreach (RecordKind kind in Enum.GetValues<RecordKind>())
        {
            using RecordStatement rows = _database.Prepare($"SELECT id, port FROM {RecordSchema.TableOf(kind)} WHERE id >= ?1");
            rows.Bind(Began);
            while (rows.Step())
            {
                Add(kind, rows.Number(0), (int)rows.Number(1));
            }
        }
    }

    private void Drop(long epoch, long ended, long run, long gap)
    {
        long next = epoch + 1;
        long began = _database.Number("SELECT began FROM epoch WHERE id = ?1", epoch) ?? 0;
        _database.Execute("DELETE FROM bind WHERE id >= ?1 AND id < ?2 AND id NOT IN (SELECT id FROM carried WHERE epoch = ?3)", began, ended, next);
        _database.Execute(
            "DELETE FROM bind WHERE id IN (SELECT id FROM carried WHERE epoch = ?1) AND id NOT IN (SELECT id FROM carried WHERE epoch = ?2)", epoch, next);
        _database.Execute("DELETE FROM failure WHERE id < ?1", ended);
        _database.Execute("DELETE FROM listen WHERE id < ?1", ended);
        _database.Execute("DELETE FROM port WHERE epoch = ?1", epoch);
        _database.Execute("DELETE FROM carried WHERE epoch = ?1", epoch);
        _database.Execute("DELETE FROM epoch WHERE id = ?1", epoch);
        _database.Execute("DELETE FROM gap WHERE ended < ?1 AND began <> ?2", ended, gap);
        _database.Execute("DELETE FROM run WHERE alive < ?1 AND id <> ?2", ended, run);
        _database.Execute("DELETE FROM clock WHERE since < (SELECT max(since) FROM clock WHERE since <= ?1)", ended);
        long unused = ended - (2 * RecordTuples<RecordWho>.SeenSlack);
        _database.Execute("DELETE FROM who WHERE seen < ?1 AND id NOT IN (SELECT who FROM bind WHERE id < ?2)", unused, ended);
        _database.Execute("DELETE FROM what WHERE seen < ?1 AND id NOT IN (SELECT what FROM bind WHERE id < ?2)", unused, ended);
        _database.Execute("DELETE FROM finding WHERE seen < ?1", unused);
    }
}

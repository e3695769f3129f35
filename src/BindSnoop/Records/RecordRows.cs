namespace BindSnoop.Records;

/// <summary>Puts rows into <c>bind</c>, <c>failure</c> and <c>listen</c>, with what they refer to; none before the current epoch.</summary>
internal sealed class RecordRows : IDisposable
{
    private readonly RecordDatabase _database;
    private readonly RecordEpochs _epochs;
    private readonly RecordTuples<RecordWho> _who;
    private readonly RecordTuples<RecordWhat> _what;
    private readonly RecordTuples<RecordFinding> _finding;
    private readonly RecordStatement _bind;
    private readonly RecordStatement _end;
    private readonly RecordStatement _failure;
    private readonly RecordStatement _explain;
    private readonly RecordStatement _listen;

    public RecordRows(RecordDatabase database, RecordEpochs epochs)
    {
        _database = database;
        _epochs = epochs;
        try
        {
            _who = new(database);
            _what = new(database);
            _finding = new(database);
            _bind = database.Prepare("INSERT OR IGNORE INTO bind(id, held, early, port, who, what, pid, tid, inode) VALUES(?,?,?,?,?,?,?,?,?)");
            _end = database.Prepare("UPDATE bind SET held = ?2, gone = ?3 WHERE id = ?1");
            _failure = database.Prepare("INSERT OR IGNORE INTO failure(id, port, who, what, pid, tid, inode, error) VALUES(?,?,?,?,?,?,?,?)");
            _explain = database.Prepare("UPDATE failure SET finding = ?2 WHERE id = ?1");
            _listen = database.Prepare("INSERT OR IGNORE INTO listen(id, port, who, what, pid, tid, inode, error, backlog, most) VALUES(?,?,?,?,?,?,?,?,?,?)");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A socket that holds a port.</summary>
    /// <param name="earliest">It was not bound before that; null if its call was seen.</param>
    /// <returns>The row.</returns>
    public long AddBind(long time, long? earliest, int port, in RecordWho who, in RecordWhat what, int processId, int threadId, long inode)
    {
        long wanted = Math.Max(time, _epochs.Began);
        _bind.Bind(2, RecordSchema.Open);
        _bind.Bind(3, earliest is { } since ? Math.Max(0, wanted - since) : null);
        _bind.Bind(4, port);
        _bind.Bind(5, _who.IdOf(who, wanted));
        _bind.Bind(6, _what.IdOf(what, wanted));
        _bind.Bind(7, processId);
        _bind.Bind(8, threadId == processId ? null : (long?)threadId);
        _bind.Bind(9, inode);
        return InsertAt(_bind, RecordKind.Bind, wanted, port);
    }

    /// <summary>A bind that failed.</summary>
    /// <returns>The row.</returns>
    public long AddFailure(long time, BindEvent next, in RecordWhat what) => Insert(_failure, RecordKind.Failure, time, next, next.Port, what);

    /// <summary>A call of listen().</summary>
    public void AddListen(long time, ListenEvent next, in RecordWhat what)
    {
        _listen.Bind(9, next.Backlog);
        _listen.Bind(10, next.BacklogLimit);
        Insert(_listen, RecordKind.Listen, time, next, next.Port, what);
    }

    /// <summary>A socket let its port go.</summary>
    /// <param name="held">How long it is known to have held it.</param>
    /// <param name="gone">How much later it was certainly gone.</param>
    public void End(long bind, long held, long gone)
    {
        // That number is kept for those that are still held.
        _end.Bind(bind, held == RecordSchema.Open ? held - 1 : held, gone);
        _end.Run();
    }

    /// <summary>Adds why a bind failed.</summary>
    public void Explain(long failure, BindFinding finding)
    {
        _explain.Bind(failure, _finding.IdOf(new(finding.Cause, finding.Explanation, RecordHolder.Write(finding.Holders)), _epochs.Last));
        _explain.Run();
    }

    public void Dispose()
    {
        foreach (IDisposable? statement in new IDisposable?[] { _who, _what, _finding, _bind, _end, _failure, _explain, _listen })
        {
            statement?.Dispose();
        }
    }

    private long Insert(RecordStatement insert, RecordKind kind, long time, TraceEvent next, int port, in RecordWhat what)
    {
        long wanted = Math.Max(time, _epochs.Began);
        insert.Bind(2, port);
        insert.Bind(3, _who.IdOf(RecordWho.Of(next), wanted));
        insert.Bind(4, _what.IdOf(what, wanted));
        insert.Bind(5, next.ProcessId);
        insert.Bind(6, next.ThreadId == next.ProcessId ? null : (long?)next.ThreadId);
        insert.Bind(7, next.Inode);
        insert.Bind(8, next.ErrorCode);
        return InsertAt(insert, kind, wanted, port);
    }

    /// <summary>A row's number is its time; the next that is free where several are of the same microsecond.</summary>
    private long InsertAt(RecordStatement insert, RecordKind kind, long time, int port)
    {
        for (long id = time; ; id++)
        {
            insert.Bind(1, id);
            insert.Run();
            if (_database.Changes > 0)
            {
                _epochs.Add(kind, id, port);
                return id;
            }
        }
    }
}

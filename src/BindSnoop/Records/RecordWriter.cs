namespace BindSnoop.Records;

/// <summary>
/// Writes the rows of a record. All times are in the record's own: microseconds that continue whatever happens to the clock,
/// beginning with the boot in which the record began. Everything from one <see cref="Commit"/> to the next is written together or not at all.
/// </summary>
/// <remarks>After a <see cref="RecordDatabaseException"/> nothing may be done with it but disposal.</remarks>
internal sealed class RecordWriter : IDisposable
{
    /// <summary>How many rows go into one epoch, unless more sockets than that are held.</summary>
    public const int DefaultEpochRows = 65536;

    private readonly RecordDatabase _database;
    private readonly int _epochRows;
    private readonly RecordClock _clock;
    private readonly RecordGaps _gaps;
    private readonly RecordEpochs _epochs;
    private readonly RecordRows _rows;
    private readonly RecordStatement _progress;
    private readonly RecordHoldings _holdings;
    private readonly long _run;
    private readonly bool _isFirst;
    private readonly bool _inTransaction;

    /// <summary>Begins to write, with a gap since what was written last; <see cref="Reconcile"/> ends that.</summary>
    /// <param name="host">The machine.</param>
    /// <param name="blind">What cannot be seen; empty if all can.</param>
    /// <param name="kernelTime">Now, in nanoseconds since the machine booted.</param>
    /// <param name="utc">Now, in microseconds since 1970.</param>
    /// <param name="failed">Whether what was recorded last was not written.</param>
    public RecordWriter(RecordDatabase database, RecordHost host, string blind, long kernelTime, long utc, bool failed, int epochRows = DefaultEpochRows)
    {
        _database = database;
        _epochRows = epochRows;
        _gaps = new(database);
        try
        {
            database.Execute("BEGIN IMMEDIATE");
            _inTransaction = true;
            RecordRun before = RecordRun.ReadLast(database);
            bool sameBoot = before.Boot == host.Boot;
            _isFirst = before.Id == 0;
            _run = before.Id + 1;
            Alive = before.Alive;
            _clock = new(database, before, sameBoot, kernelTime, utc);
            _progress = database.Prepare("UPDATE run SET alive = ?2, seen = ?3 WHERE id = ?1");
            if (!_isFirst)
            {
                _gaps.Begin(before.Alive, failed ? RecordGapReason.NotWritten : before.HasEnded ? RecordGapReason.NotRunning : RecordGapReason.Killed);
            }

            CheckClock(kernelTime, utc);
            _epochs = new(database);
            _rows = new(database, _epochs);
            _holdings = new(_rows);
            _holdings.Read(database, _epochs, before.Seen);
            if (!sameBoot)
            {
                _holdings.EndAll(_clock.Base);
                _holdings.Seen = _clock.Base;
            }

            new RecordRun(_run, host.Boot, _clock.Base, TimeOf(kernelTime), _holdings.Seen, HasEnded: false).Insert(database, host, blind);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many sockets are held now, as far as is known.</summary>
    public int Open => _holdings.Count;

    /// <summary>Whether something is not known now.</summary>
    public bool InGap => _gaps.IsOpen;

    /// <summary>Whether all sockets were seen since it began.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>Where the time that was recorded last ends.</summary>
    public long Alive { get; private set; }

    /// <summary>A time of the kernel's clock in the record's.</summary>
    /// <param name="kernelTime">Nanoseconds since the machine booted.</param>
    public long TimeOf(long kernelTime) => _clock.TimeOf(kernelTime);

    /// <summary>Writes down a bind, successful or not; in the order of time.</summary>
    /// <returns>The row of a failure, for <see cref="Explain"/>.</returns>
    public long Add(BindEvent next)
    {
        ref readonly Abi.BindSample sample = ref next.Sample;
        long time = TimeOf(next.KernelTime);
        RecordWhat what = new(
            sample.ProtocolNumber, sample.SocketType, sample.AddressFamily, next.Address, next.RequestedAddress == next.Address ? null : next.RequestedAddress,
            next.ErrorCode == 0 && next.RequestedPort == 0, RecordOrigin.Bind, sample.Options, next.IPv6Only, sample.InterfaceIndex, next.InterfaceName);
        if (next.ErrorCode == 0)
        {
            _holdings.Begin(time, next, next.Port, what);
            return 0;
        }

        return _rows.AddFailure(time, next, what);
    }

    /// <summary>Writes down a call of listen(); in the order of time.</summary>
    public void Add(ListenEvent next)
    {
        ref readonly Abi.ListenSample sample = ref next.Sample;
        long time = TimeOf(next.KernelTime);
        RecordWhat what = new(
            sample.ProtocolNumber, sample.SocketType, sample.AddressFamily, next.Address, null, next.Implicit, RecordOrigin.Listen, sample.Options,
            next.IPv6Only, sample.InterfaceIndex, next.InterfaceName);
        if (next.Implicit && next.ErrorCode == 0 && !_holdings.Contains(next.Inode))
        {
            _holdings.Begin(time, next, next.Port, what);
        }

        _rows.AddListen(time, next, what);
    }

    /// <summary>Writes down that a port was let go; in the order of time.</summary>
    public void Add(ReleaseEvent next) => _holdings.End(next.Inode, TimeOf(next.KernelTime));

    /// <summary>Adds why a bind failed.</summary>
    public void Explain(long failure, BindFinding finding) => _rows.Explain(failure, finding);

    /// <summary>A look at all sockets begins, which <see cref="Reconcile"/> ends.</summary>
    public void BeginLook(long begin) => _holdings.BeginLook(begin);

    /// <summary>
    /// Compares with a scan of all sockets, once everything up to its end has been written: what is not known
    /// was bound since the look before, and what is gone was let go since then. Ends a gap if the look was whole.
    /// </summary>
    /// <param name="begin">When the look began.</param>
    /// <param name="end">When it ended.</param>
    /// <param name="isWhole">Whether it saw everything.</param>
    public void Reconcile(IReadOnlyList<BindSocket> sockets, long begin, long end, bool isWhole)
    {
        _holdings.Compare(sockets, begin);
        if (!isWhole)
        {
            return;
        }

        _holdings.EndUnseen(begin, end);
        if (_isFirst && !IsKnown && !InGap)
        {
            // What was released before the look came to it is not known.
            _database.Execute("UPDATE run SET began = ?2 WHERE id = ?1", _run, end);
        }

        IsKnown = true;
        _gaps.End(end);
    }

    /// <summary>Begins a gap at that time, until <see cref="Reconcile"/> ends it.</summary>
    /// <param name="lost">How many calls were lost, if that is known.</param>
    public void BeginGap(long began, RecordGapReason reason, long lost = 0) => _gaps.Begin(began, reason, lost);

    /// <summary>Notices if the clock was set, and writes that down.</summary>
    /// <returns>Whether it was.</returns>
    public bool CheckClock(long kernelTime, long utc)
    {
        long now = TimeOf(kernelTime);
        if (_clock.Agrees(now, utc))
        {
            return false;
        }

        // It was at some moment since the last look.
        _clock.Set(now, utc, doubt: _isFirst && Alive == 0 ? 0 : now - Alive);
        if (!InGap)
        {
            _gaps.Add(Alive, now, RecordGapReason.ClockSet);
        }

        return true;
    }

    /// <summary>Makes everything durable.</summary>
    /// <param name="alive">Everything until then has been written down.</param>
    /// <param name="hasEnded">Whether nothing more comes, by intention.</param>
    public void Commit(long alive, bool hasEnded = false)
    {
        Alive = Math.Max(Alive, alive);
        _gaps.Extend(Alive);
        if (_epochs.IsFull(Alive, Math.Max(_epochRows, 2 * _holdings.Count)))
        {
            _epochs.End(Alive, _holdings.Rows);
        }

        _progress.Bind(_run, Alive, _holdings.Seen);
        _progress.Run();
        if (hasEnded)
        {
            _database.Execute("UPDATE run SET ended = 1 WHERE id = ?1", _run);
        }

        _database.Execute("COMMIT; BEGIN IMMEDIATE");
    }

    /// <summary>Removes the oldest.</summary>
    /// <param name="before">What ended before that, in the record's time.</param>
    /// <param name="mostBytes">How many bytes may be in use.</param>
    public void Prune(long before, long mostBytes) => _epochs.Prune(before, mostBytes, _run, _gaps.Began);

    public void Dispose()
    {
        _rows?.Dispose();
        _epochs?.Dispose();
        _progress?.Dispose();
        if (_inTransaction)
        {
            try
            {
                _database.Execute("ROLLBACK");
            }
            catch (RecordDatabaseException)
            {
                // SQLite may have done so itself.
            }
        }
    }
}

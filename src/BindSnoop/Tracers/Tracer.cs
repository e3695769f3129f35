using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>
/// A running trace. A thread of its own reads the events, from when somebody first asks for them; whoever asks gets
/// them on his own thread, one at a time. It is attached when the constructor returns, and nothing of it is left in
/// the kernel after disposal.
/// </summary>
public abstract class Tracer<TEvent> : IDisposable
    where TEvent : TraceEvent
{
    private readonly EventSession _session;
    private readonly ReadAhead<TEvent> _ahead;
    private static readonly TimeSpan s_warningInterval = TimeSpan.FromSeconds(1);

    private readonly LossWatch _losses;
    private readonly bool _mayWarn;
    private long _nextWarnings;
    private readonly CancellationTokenSource _abandoned = new();
    private readonly object _lock = new();
    private readonly TimeOrder<TEvent> _order = new();
    private readonly EventEnricher _enricher = new();
    private long? _firstKernelTime;
    private Thread? _reader;
    private bool _disposed;
    private long _deadline = long.MaxValue;
    private volatile bool _stopRequested;

    private protected Tracer(TracerDefinition definition, TraceOptions options)
    {
        if (options.BufferSize < Environment.SystemPageSize || !int.IsPow2(options.BufferSize))
        {
            throw new TraceException(
                "InvalidBufferSize",
                TraceErrorKind.InvalidArgument,
                $"A buffer of {options.BufferSize} bytes is not possible.",
                $"Give a power of two of at least {Environment.SystemPageSize}.",
                options.BufferSize);
        }

        ReadAheadCapacity = options.ReadAhead;
        _ahead = new(options.ReadAhead);
        _session = EventSession.Open(definition, options, out IReadOnlyList<BackendRefusal> refusals);
        _losses = new(ReadStatisticsIfAny, TimeProvider.System);
        _mayWarn = options.Filter.Cgroup.Count > 0;
        Refusals = refusals;
        Metrics = new TraceMetrics(options.TraceName, ReadStatistics);
        TraceMeter.Add(Metrics);
    }

    /// <summary>The back end in use.</summary>
    public Backend Backend => _session.Backend;

    /// <summary>Which calls that are asked for the back end does not see; empty if it sees all.</summary>
    public string Blind => _session.Blind;

    /// <summary>The back ends that were not taken before, and why.</summary>
    public IReadOnlyList<BackendRefusal> Refusals { get; }

    /// <summary>How many events may wait in this process.</summary>
    public int ReadAheadCapacity { get; }

    /// <summary>How many events were waiting in this process at the worst moment so far.</summary>
    public int MostReadAhead => _ahead.MostWaiting;

    /// <summary>
    /// Called on the thread that takes the events when it has got all there are, before it waits for more: the
    /// moment to flush what was written.
    /// </summary>
    public Action? BeforeWait { get; set; }

    /// <summary>
    /// Called on the thread that takes the events when more calls were lost than were reported before; ever more
    /// seldom while that goes on.
    /// </summary>
    public Action<LossReport>? OnLoss { get; set; }

    /// <summary>Called on the thread that takes the events with what <see cref="ReadWarnings"/> has, about a second after it is known.</summary>
    public Action<string>? OnWarning { get; set; }

    /// <summary>What it shows in metrics.</summary>
    internal TraceMetrics Metrics { get; }

    /// <summary>What became of the calls so far.</summary>
    public TraceStatistics ReadStatistics() => _session.ReadStatistics();

    /// <summary>How many calls were lost in all; null if none was. To be asked at the end, however that came about.</summary>
    public LossReport? ReadTotalLoss() => LossReport.OfEvents(ReadStatistics(), isTotal: true);

    /// <summary>
    /// What has become of cgroups of the filter that was not reported before, one sentence each: such as that one no
    /// longer exists.
    /// </summary>
    public IReadOnlyList<string> ReadWarnings() => _session.ReadWarnings();

    /// <summary>
    /// The events as they come. Ends when the token is cancelled (at once), or when the duration is over or
    /// <see cref="Stop"/> was called (after detaching and handing out all that happened before). Disposal
    /// ends it too. What it has not handed out stays for the next time.
    /// </summary>
    public IEnumerable<TEvent> Read(TimeSpan? duration = null, CancellationToken cancellationToken = default)
    {
        Volatile.Write(ref _deadline, duration is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue);
        BeginReading(_ahead);
        while (!cancellationToken.IsCancellationRequested && !_abandoned.IsCancellationRequested)
        {
            if (_ahead.TryTake(out TEvent? next))
            {
                yield return next;
                Report(_losses.LookNowAndThen());
                WarnNowAndThen();
                continue;
            }

            BeforeWait?.Invoke();
            if (!WaitForMore(cancellationToken))
            {
                break;
            }
        }
    }

    /// <summary>Makes <see cref="Read"/> detach, hand out the rest and end. Safe from any thread.</summary>
    public void Stop()
    {
        _stopRequested = true;
        _session.Buffer.Interrupt();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Begins to read, on a thread of its own, if that has not begun yet.</summary>
    /// <exception cref="ObjectDisposedException">There is nothing to read from any more.</exception>
    internal void BeginReading(IRecordSink<TEvent> sink)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_reader is null)
            {
                _reader = new Thread(() => ReadInto(sink)) { IsBackground = true, Name = "event reader" };
                _reader.Start();
            }
            else
            {
                // There may be another deadline.
                _session.Buffer.Interrupt();
            }
        }
    }

    /// <summary>Waits until a reading that was begun has ended, and everything was put where it goes.</summary>
    internal void JoinReader() => _reader?.Join();

    /// <summary>Threads of which a call has been seen to begin, and not to end.</summary>
    internal IEnumerable<int> ThreadsUnderWay() => _session.CallsUnderWay().Select(c => (int)c.ThreadId).Distinct();

    /// <summary>What is handed out before anything else.</summary>
    private protected virtual IReadOnlyList<TEvent> Existing => [];

    /// <summary>Whether an event is of what was handed out then.</summary>
    private protected virtual bool IsKnown(TEvent next) => false;

    private protected abstract TEvent Decode(ReadOnlySpan<byte> record, EventEnricher enricher);

    /// <summary>Releases everything.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _abandoned.Cancel();
        Stop();
        JoinReader();
        TraceMeter.Remove(Metrics);
        _session.Dispose();
        _abandoned.Dispose();
    }

    /// <summary>Waits for the next event; false if there will be none.</summary>
    private bool WaitForMore(CancellationToken cancellationToken)
    {
        Task<bool> more = _ahead.WaitAsync(cancellationToken);

        while (Patience is { } patience && Task.WaitAny([more], patience) < 0)
        {
            WarnNowAndThen();
            if (_losses.Patience is not null)
            {
                Report(_losses.Look());
            }
        }

        try
        {
            return more.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    // Nothing wakes who waits when a cgroup goes.
    private TimeSpan? Patience =>
        _mayWarn && !(_losses.Patience < s_warningInterval) ? s_warningInterval : _losses.Patience;

    private void WarnNowAndThen()
    {
        if (!_mayWarn || Environment.TickCount64 < _nextWarnings)
        {
            return;
        }

        _nextWarnings = Environment.TickCount64 + (long)s_warningInterval.TotalMilliseconds;
        try
        {
            foreach (string warning in ReadWarnings())
            {
                OnWarning?.Invoke(warning);
            }
        }
        catch (ObjectDisposedException)
        {
            // By another thread, which ends this one's reading.
        }
    }

    private TraceStatistics ReadStatisticsIfAny()
    {
        try
        {
            return ReadStatistics();
        }
        catch (ObjectDisposedException)
        {
            // By another thread, which ends this one's reading.
            return new TraceStatistics(0, 0, 0);
        }
    }

    private void Report(LossReport? loss)
    {
        if (loss is not null)
        {
            OnLoss?.Invoke(loss);
        }
    }

    /// <summary>The reading thread.</summary>
    private void ReadInto(IRecordSink<TEvent> sink)
    {
        Exception? failure = null;
        try
        {
            foreach (TEvent[] batch in Existing.Chunk(TimeOrder<TEvent>.Capacity))
            {
                HandOver(batch, sink);
            }

            while (!_stopRequested && MillisecondsLeft != 0)
            {
                if (!ReadBatch(sink))
                {
                    _session.Buffer.Wait(MillisecondsLeft);
                }
            }

            Drain(sink);
        }
        catch (OperationCanceledException)
        {
            // Nobody wants the rest.
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to whoever takes the events; on this thread it would end the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        sink.Complete(failure);
    }

    // -1: without end.
    private int MillisecondsLeft
    {
        get
        {
            long deadline = Volatile.Read(ref _deadline);
            return deadline == long.MaxValue ? -1 : (int)Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue);
        }
    }

    /// <summary>Reads what there is, up to one batch, and hands it over; false if there was nothing.</summary>
    private bool ReadBatch(IRecordSink<TEvent> sink)
    {
        RingBuffer buffer = _session.Buffer;
        ReadOnlySpan<byte> record = buffer.Read();
        if (!record.IsEmpty)
        {
            _enricher.BeginBatch();
        }

        for (; !record.IsEmpty; record = _order.IsFull ? default : buffer.Read())
        {
            TEvent next = Decode(record, _enricher);
            Metrics.Count(next);
            if (!IsKnown(next))
            {
                _order.Add(next, next.KernelTime);
            }
        }

        TEvent[] batch = _order.Take();
        if (batch.Length == 0)
        {
            return false;
        }

        HandOver(batch, sink);
        return true;
    }

    private void HandOver(TEvent[] batch, IRecordSink<TEvent> sink)
    {
        _firstKernelTime ??= batch[0].KernelTime;
        foreach (TEvent next in batch)
        {
            next.FirstKernelTime = _firstKernelTime.Value;
        }

        // However long the taker takes, the trace ends on time.
        if (!sink.Put(batch, MillisecondsLeft, _abandoned.Token))
        {
            _session.Detach();
            sink.Put(batch, Timeout.Infinite, _abandoned.Token);
        }
    }

    private void Drain(IRecordSink<TEvent> sink)
    {
        _session.Detach();

        // A program that was running at the moment of detaching may not have finished its record.
        for (int looks = 0; looks < 100; looks++)
        {
            while (ReadBatch(sink))
            {
            }

            if (_session.Buffer.IsEmpty || _abandoned.IsCancellationRequested)
            {
                break;
            }

            Thread.Sleep(1);
        }
    }
}

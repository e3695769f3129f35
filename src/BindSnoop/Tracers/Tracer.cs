using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Proving;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>
/// A running trace. A separate thread reads the events, from when they are first requested; the caller gets
/// them on its own thread, one at a time. It is attached when the constructor returns, and nothing of it is left in
/// the kernel after disposal.
/// </summary>
public abstract class Tracer<TEvent> : IDisposable, IEventCodec
    where TEvent : TraceEvent
{
    private readonly EventSession _session;
    private readonly ReadAhead<EventContext> _ahead;
    private readonly EventReader _reader;
    private readonly ContainerFilter _containers;
    private readonly TraceWatch _watch;
    private readonly TraceFilter _filter;
    private readonly object _lock = new();
    private long? _firstKernelTime;
    private int _existingTaken;
    private bool _disposed;

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

        options = options with { Filter = options.KernelFilter };
        _filter = options.Filter;
        ReadAheadCapacity = options.ReadAhead;
        _ahead = new(options.ReadAhead);
        _session = EventSession.Open(definition, options, Prover.For(definition, options.Filter, isCounting: false), out IReadOnlyList<BackendRefusal> refusals);
        _containers = new(options.Filter.Container);
        bool mayWarn = options.Filter.Cgroup.Count > 0 || options.Filter.Container.Count > 0;
        _watch = new(_session, ReadWarnings, mayWarn, hasMemory: definition.Memory is not null);
        Refusals = refusals;
        Metrics = new TraceMetrics(options.TraceName, ReadStatistics);
        Metrics.Count(Proof);
        _reader = new(_session, this, _containers, Metrics);
        TraceMeter.Add(Metrics);
    }

    /// <summary>The back end in use.</summary>
    public Backend Backend => _session.Backend;

    /// <summary>Which of the requested calls the back end does not see; empty if it sees all.</summary>
    public string Blind => _session.Blind;

    /// <summary>Whether it was seen to work: before it began, or when it proved itself last.</summary>
    public TraceProof Proof => _session.Proof;

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
    /// seldom while that continues.
    /// </summary>
    public Action<LossReport>? OnLoss
    {
        get => _watch.OnLoss;
        set => _watch.OnLoss = value;
    }

    /// <summary>Called on the thread that takes the events with what <see cref="ReadWarnings"/> has, about a second after it is known.</summary>
    public Action<string>? OnWarning
    {
        get => _watch.OnWarning;
        set => _watch.OnWarning = value;
    }

    /// <summary>What it shows in metrics.</summary>
    internal TraceMetrics Metrics { get; }

    /// <summary>The outcomes of the calls so far.</summary>
    public TraceStatistics ReadStatistics() => _session.ReadStatistics();

    /// <summary>
    /// Proves again that it works, as before it began, between two events. Safe from any thread; waits while the taker of the
    /// events leaves no room for more.
    /// </summary>
    /// <returns>Null if it has ended.</returns>
    public TraceProof? ProveAgain()
    {
        try
        {
            TraceProof? proof = _reader.Between(() => _session.ProveAgain(session => Prover.Prove(session, _filter)));
            Metrics.Count(proof);
            return proof;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>How many calls were lost in all; null if none was. To be asked at the end, however that came about.</summary>
    public LossReport? ReadTotalLoss() => LossReport.OfEvents(ReadStatistics(), isTotal: true);

    /// <summary>
    /// What has happened to cgroups of the filter, and that no more bound sockets can be remembered or containers found out, as
    /// far as it was not reported before; one sentence each.
    /// </summary>
    public IReadOnlyList<string> ReadWarnings() => [.. _session.ReadWarnings(), .. _containers.ReadWarnings()];

    /// <summary>
    /// The events as they come. Ends when the token is cancelled (at once), or when the duration is over or
    /// <see cref="Stop"/> was called (after detaching and emitting everything that happened before). Disposal
    /// ends it too. Events not emitted yet stay for the next time.
    /// </summary>
    public IEnumerable<TEvent> Read(TimeSpan? duration = null, CancellationToken cancellationToken = default)
    {
        _reader.EndAfter(duration);
        BeginReading(_ahead);
        while (!cancellationToken.IsCancellationRequested && !_reader.IsAbandoned)
        {
            if (TakeExisting() is { } existing)
            {
                yield return existing;
                continue;
            }

            if (_ahead.TryTake(out SampleBatch<EventContext>? batch, out int index))
            {
                if (Make(batch, index) is { } next)
                {
                    yield return next;
                    _watch.LookNowAndThen();
                }

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
    public void Stop() => _reader.Stop();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts reading on a separate thread, unless already started.</summary>
    /// <exception cref="ObjectDisposedException">The trace was disposed.</exception>
    internal void BeginReading(ISampleSink<EventContext> sink)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _reader.Begin(sink);
        }
    }

    /// <summary>A time of the kernel's clock, in nanoseconds: all events until then were put where they go.</summary>
    internal long Passed => _reader.Passed;

    /// <summary>Brings <see cref="Passed"/> up to date, in a moment. Safe from any thread.</summary>
    internal void Look() => _reader.Look();

    /// <summary>Waits until a reading that was begun has ended, and everything was put where it goes.</summary>
    internal void JoinReader() => _reader.Join();

    /// <summary>The next event to emit first; null if there is none left. One thread at a time.</summary>
    internal TEvent? TakeExisting() => _existingTaken < Existing.Count ? WithFirst(Existing[_existingTaken++]) : null;

    /// <summary>The event of a sample; null if it was emitted first. One thread at a time, in their order.</summary>
    internal TEvent? Make(SampleBatch<EventContext> batch, int index)
    {
        TEvent next = Decode(batch.Sample(index), batch.Context(index));
        return IsKnown(next) ? null : WithFirst(next);
    }

    EventContext IEventCodec.LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher) => LookUp(sample, enricher);

    TraceEvent IEventCodec.Decode(ReadOnlySpan<byte> sample, in EventContext context) => Decode(sample, context);

    /// <summary>Threads of which a call has been seen to begin, and not to end.</summary>
    internal IEnumerable<int> ThreadsUnderWay() => _session.CallsUnderWay().Select(c => (int)c.ThreadId).Distinct();

    /// <summary>The events to emit first.</summary>
    private protected virtual IReadOnlyList<TEvent> Existing => [];

    /// <summary>Whether an event was emitted first.</summary>
    private protected virtual bool IsKnown(TEvent next) => false;

    private protected abstract EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher);

    private protected abstract TEvent Decode(ReadOnlySpan<byte> sample, in EventContext context);

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

        _reader.Abandon();
        JoinReader();
        TraceMeter.Remove(Metrics);
        _session.Dispose();
        _reader.Dispose();
    }

    private TEvent WithFirst(TEvent next)
    {
        next.FirstKernelTime = _firstKernelTime ??= next.KernelTime;
        return next;
    }

    /// <summary>Waits for the next event; false if there will be none.</summary>
    private bool WaitForMore(CancellationToken cancellationToken)
    {
        Task<bool> more = _ahead.WaitAsync(cancellationToken);

        while (_watch.Patience is { } patience && Task.WaitAny([more], patience) < 0)
        {
            _watch.LookWhileWaiting();
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
}

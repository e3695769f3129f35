using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>
/// A running trace that hands events to one reading thread. It is attached when the constructor returns,
/// and nothing of it is left in the kernel after disposal.
/// </summary>
public abstract class Tracer<TEvent> : IDisposable
    where TEvent : TraceEvent
{
    // Often enough that a step of the wall clock is noticed soon, seldom enough to cost nothing.
    private const int BatchSize = 256;

    // More than there are records under way at a time: each processor has one at most, nearly always.
    private const int HeldBack = 64;

    private readonly EventSession _session;

    // Those before _next are handed out, those before _ready may be, those from there on are held back.
    private readonly TEvent[] _batch = new TEvent[BatchSize];
    private int _next;
    private int _ready;
    private int _read;
    private readonly EventEnricher _enricher = new();
    private long? _firstKernelTime;
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

        _session = EventSession.Open(definition, options, out IReadOnlyList<BackendRefusal> refusals);
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

    /// <summary>
    /// Called by the reading thread when it has handed out all there is, before it waits for more: the
    /// moment to flush what was written.
    /// </summary>
    public Action? BeforeWait { get; set; }

    /// <summary>
    /// Called by the reading thread when nothing has come for some milliseconds, before it sleeps until something
    /// does: the moment to look at what was lost.
    /// </summary>
    public Action? BeforeSleep { get; set; }

    /// <summary>What it tells in metrics.</summary>
    internal TraceMetrics Metrics { get; }

    /// <summary>What became of the calls so far.</summary>
    public TraceStatistics ReadStatistics() => _session.ReadStatistics();

    /// <summary>
    /// What has become of cgroups of the filter that was not reported before, one sentence each: such as that one no
    /// longer exists.
    /// </summary>
    public IReadOnlyList<string> ReadWarnings() => _session.ReadWarnings();

    /// <summary>
    /// The events as they come. Ends when the token is cancelled (at once), or when the duration is over or
    /// <see cref="Stop"/> was called (after detaching and handing out all that happened before). Disposal
    /// ends it too.
    /// </summary>
    public IEnumerable<TEvent> Read(TimeSpan? duration = null, CancellationToken cancellationToken = default)
    {
        using HandleHold hold = _session.HoldBuffer();
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static buffer => ((RingBuffer)buffer!).Interrupt(), _session.Buffer);
        foreach (TEvent existing in Existing)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                yield break;
            }

            _firstKernelTime ??= existing.KernelTime;
            existing.FirstKernelTime = _firstKernelTime.Value;
            yield return existing;
        }

        long deadline = duration is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue;
        while (!cancellationToken.IsCancellationRequested && !_stopRequested)
        {
            // Looked at before every event: under load there may always be one more.
            long left = deadline == long.MaxValue ? long.MaxValue : deadline - Environment.TickCount64;
            if (left <= 0)
            {
                break;
            }

            if (TryRead() is { } next)
            {
                yield return next;
                continue;
            }

            BeforeWait?.Invoke();
            if (_session.Buffer.IsQuiet)
            {
                BeforeSleep?.Invoke();
            }

            _session.Buffer.Wait(left == long.MaxValue ? -1 : (int)Math.Min(left, int.MaxValue));
        }

        if (!cancellationToken.IsCancellationRequested)
        {
            foreach (TEvent last in Drain())
            {
                yield return last;
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
        if (disposing)
        {
            Stop();
            TraceMeter.Remove(Metrics);
            _session.Dispose();
        }
    }

    private TEvent? TryRead()
    {
        TEvent next;
        do
        {
            if (_next == _ready && !ReadBatch())
            {
                return null;
            }

            next = _batch[_next++];
            Metrics.Count(next);
        }
        while (IsKnown(next));

        _firstKernelTime ??= next.KernelTime;
        next.FirstKernelTime = _firstKernelTime.Value;
        return next;
    }

    /// <summary>
    /// Takes what there is, and puts it in the order of time: records lie in the order in which their room was
    /// reserved, moments before their times were taken.
    /// </summary>
    private bool ReadBatch()
    {
        int count = _read - _ready;
        Array.Copy(_batch, _ready, _batch, 0, count);
        ReadOnlySpan<byte> record = _session.Buffer.Read();
        if (!record.IsEmpty)
        {
            _enricher.BeginBatch();
        }

        for (; !record.IsEmpty; record = count < BatchSize ? _session.Buffer.Read() : default)
        {
            TEvent next = Decode(record, _enricher);
            int place = count++;
            for (; place > 0 && _batch[place - 1].KernelTime > next.KernelTime; place--)
            {
                _batch[place] = _batch[place - 1];
            }

            _batch[place] = next;
        }

        // Of a batch that was not filled up nothing is to come but what is yet to happen.
        _next = 0;
        _read = count;
        _ready = count < BatchSize ? count : count - HeldBack;
        Array.Clear(_batch, count, BatchSize - count);
        return count > 0;
    }

    private IEnumerable<TEvent> Drain()
    {
        _session.Detach();

        // A program that was running at the moment of detaching may not have finished its record.
        for (int looks = 0; looks < 100; looks++)
        {
            while (TryRead() is { } last)
            {
                yield return last;
            }

            if (_session.Buffer.IsEmpty)
            {
                break;
            }

            Thread.Sleep(1);
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using BindSnoop.Metrics;

namespace BindSnoop;

/// <summary>What a background trace collects.</summary>
public enum BindTraceMode
{
    /// <summary>Every event, in a queue.</summary>
    Event,

    /// <summary>Only counts, kept in the kernel.</summary>
    Count,
}

/// <summary>What a background trace is doing.</summary>
public enum BindTraceState
{
    /// <summary>Attached and collecting.</summary>
    Running,

    /// <summary>Detached; what was collected is still there.</summary>
    Stopped,

    /// <summary>Ended by an error.</summary>
    Failed,

    /// <summary>Gone, with all that it had collected.</summary>
    Removed,
}

/// <summary>
/// A trace that runs in the background: it collects events into a bounded queue, from which the oldest
/// are dropped (and counted) when it is full, or counts in the kernel. All members are safe from any thread.
/// </summary>
public sealed class BindTrace : IDisposable
{
    /// <summary>The default of <see cref="MaxQueued"/>.</summary>
    public const int DefaultMaxQueued = 100_000;

    private readonly object _lock = new();
    private readonly Queue<BindEvent> _queue = new();
    private readonly BindTracer? _tracer;
    private readonly BindCounter? _counter;
    private readonly Thread? _reader;
    private BindTraceState _state = BindTraceState.Running;
    private TraceStatistics _lastStatistics = new(0, 0, 0);
    private long _received;
    private long _overflowed;

    internal BindTrace(string name, int id, BindTraceMode mode, TraceOptions options, int maxQueued)
    {
        if (maxQueued < 1)
        {
            throw new TraceException(
                "InvalidMaxQueued",
                TraceErrorKind.InvalidArgument,
                $"A queue of {maxQueued} events is not possible.",
                "Give at least 1.",
                maxQueued);
        }

        Name = name;
        Id = id;
        Mode = mode;
        Options = options;
        MaxQueued = maxQueued;
        StartTime = DateTime.Now;
        options = options with { TraceName = name };
        if (mode == BindTraceMode.Count)
        {
            _counter = new BindCounter(options);
            return;
        }

        _tracer = new BindTracer(options);
        _tracer.Metrics.ReadQueue = () => (_queue.Count, Volatile.Read(ref _overflowed));
        _reader = new Thread(Collect) { IsBackground = true, Name = $"BindTrace {name}" };
        _reader.Start();
    }

    /// <summary>A unique name.</summary>
    public string Name { get; }

    /// <summary>A number that no other trace of this process ever has; not public, lest it pass for a process id.</summary>
    internal int Id { get; }

    /// <summary>Events or counts.</summary>
    public BindTraceMode Mode { get; }

    /// <summary>What it is doing.</summary>
    public BindTraceState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>What ended it, if <see cref="State"/> is Failed.</summary>
    public Exception? Error { get; private set; }

    /// <summary>
    /// The same as an error for whoever wants its events: what it collected is not all there was. Null if it did
    /// not fail.
    /// </summary>
    public TraceException? Failure => Error is not { } error ? null : new(
        "TraceFailed",
        TraceErrorKind.InvalidOperation,
        $"The trace '{DisplayText.Escape(Name)}' failed, and has collected nothing since: {error.Message}",
        "What it had collected before can still be had. Remove it, and start another.",
        Name,
        error);

    /// <summary>The back end in use.</summary>
    public Backend Backend => _tracer?.Backend ?? _counter!.Backend;

    /// <summary>Which calls that are asked for the back end does not see; empty if it sees all.</summary>
    public string Blind => _tracer?.Blind ?? _counter!.Blind;

    /// <summary>The back ends that were not taken before, and why.</summary>
    public IReadOnlyList<BackendRefusal> Refusals => _tracer?.Refusals ?? _counter!.Refusals;

    /// <summary>What it traces.</summary>
    public TraceFilter Filter => Options.Filter;

    /// <summary>How it traces.</summary>
    public TraceOptions Options { get; }

    /// <summary>How many events it keeps for those who come for them.</summary>
    public int MaxQueued { get; }

    /// <summary>When it began, local time.</summary>
    public DateTime StartTime { get; }

    /// <summary>How many events it got from the kernel, or calls it counted there.</summary>
    public long Received
    {
        get
        {
            lock (_lock)
            {
                return Mode == BindTraceMode.Event ? _received : Statistics.Emitted;
            }
        }
    }

    /// <summary>How many were lost: in the kernel, or because nobody fetched them in time.</summary>
    public long Dropped
    {
        get
        {
            lock (_lock)
            {
                return Statistics.Dropped + _overflowed;
            }
        }
    }

    /// <summary>How many events wait to be fetched.</summary>
    public int Queued
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>What it tells in metrics.</summary>
    internal TraceMetrics Metrics => _tracer?.Metrics ?? _counter!.Metrics;

    private TraceStatistics Statistics
    {
        get
        {
            if (_state is not BindTraceState.Removed)
            {
                _lastStatistics = _tracer?.ReadStatistics() ?? _counter!.ReadStatistics();
            }

            return _lastStatistics;
        }
    }

    /// <summary>Takes the oldest event out of the queue, if there is one.</summary>
    public bool TryTake([NotNullWhen(true)] out BindEvent? next)
    {
        lock (_lock)
        {
            return _queue.TryDequeue(out next);
        }
    }

    /// <summary>
    /// Takes the oldest event, waiting for it while the trace runs. Returns false when the trace has ended
    /// and everything was taken, when the time is up, or when the token is cancelled.
    /// </summary>
    public bool Take([NotNullWhen(true)] out BindEvent? next, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static held => PulseAll(held!), _lock);
        long deadline = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_lock)
        {
            while (!_queue.TryDequeue(out next))
            {
                long left = deadline - Environment.TickCount64;
                if (_state != BindTraceState.Running || cancellationToken.IsCancellationRequested || left <= 0)
                {
                    return false;
                }

                Monitor.Wait(_lock, (int)Math.Min(left, int.MaxValue));
            }

            return true;
        }
    }

    /// <summary>The counts so far, highest first; of a trace in Count mode.</summary>
    /// <exception cref="TraceException"><c>NotCounting</c>, <c>TraceRemoved</c>.</exception>
    public IReadOnlyList<BindCount> ReadCounts()
    {
        if (_counter is null)
        {
            throw new TraceException(
                "NotCounting",
                TraceErrorKind.InvalidOperation,
                $"The trace '{DisplayText.Escape(Name)}' collects events, not counts.",
                "Start it with -Mode Count; or group its events: Get-BindEvent -Trace … | Group-Object Address, Port.",
                Name);
        }

        lock (_lock)
        {
            return _state != BindTraceState.Removed
                ? _counter.Read()
                : throw new TraceException(
                    "TraceRemoved",
                    TraceErrorKind.InvalidOperation,
                    $"The trace '{DisplayText.Escape(Name)}' was removed, and its counts with it.",
                    "Read the counts before removing a trace; Stop-BindTrace keeps them.",
                    Name);
        }
    }

    /// <summary>Writes what there is to tell in metrics; nothing of a trace that was removed.</summary>
    internal void WriteTo(MetricSet set, MetricTally? tally)
    {
        lock (_lock)
        {
            if (_state != BindTraceState.Removed)
            {
                Metrics.WriteTo(set, tally);
            }
        }
    }

    /// <summary>Detaches. What happened before is still collected, and what was collected stays.</summary>
    public void Stop()
    {
        _counter?.Stop();
        _tracer?.Stop();
        _reader?.Join();
        Become(BindTraceState.Stopped);
    }

    /// <summary>Stops and frees everything; the queue is emptied.</summary>
    public void Dispose()
    {
        Stop();
        lock (_lock)
        {
            if (_state == BindTraceState.Removed)
            {
                return;
            }

            _ = Statistics;
            _state = BindTraceState.Removed;
            _queue.Clear();
            _tracer?.Dispose();
            _counter?.Dispose();
        }
    }

    private static void PulseAll(object held)
    {
        lock (held)
        {
            Monitor.PulseAll(held);
        }
    }

    private void Collect()
    {
        try
        {
            foreach (BindEvent next in _tracer!.Read())
            {
                lock (_lock)
                {
                    _received++;
                    if (_queue.Count == MaxQueued)
                    {
                        _queue.Dequeue();
                        _overflowed++;
                    }

                    _queue.Enqueue(next);
                    Monitor.Pulse(_lock);
                }
            }

            Become(BindTraceState.Stopped);
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to the trace; on this thread it would end the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Error = exception;
            Become(BindTraceState.Failed);
        }
    }

    private void Become(BindTraceState state)
    {
        lock (_lock)
        {
            if (_state == BindTraceState.Running)
            {
                _state = state;
            }

            Monitor.PulseAll(_lock);
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using BindSnoop.Background;
using BindSnoop.Loading;
using BindSnoop.Metrics;

namespace BindSnoop;

/// <summary>
/// A trace that runs in the background: it collects events into a bounded queue, from which the oldest
/// are dropped (and counted) when it is full, or counts in the kernel. All members are safe from any thread.
/// </summary>
public sealed class BindTrace : IDisposable
{
    /// <summary>The default of <see cref="MaxQueued"/>.</summary>
    public const int DefaultMaxQueued = 100_000;

    private readonly object _lock = new();
    private readonly TraceWorker _worker;
    private TraceStatistics _lastStatistics = new(0, 0, 0);
    private long _reportedLoss;
    private bool _removed;
    private MetricEndpoint? _endpoint;
    private ProofWatch? _proofs;

    internal BindTrace(string name, int id, BindTraceMode mode, TraceOptions options, int maxQueued)
        : this(name, id, mode, options, maxQueued, TraceWorker.Begin(mode, options with { TraceName = name }, maxQueued))
    {
    }

    internal BindTrace(string name, int id, BindTraceMode mode, TraceOptions options, int maxQueued, TraceWorker worker)
    {
        Name = name;
        Id = id;
        Mode = mode;
        Options = options;
        MaxQueued = maxQueued;
        StartTime = DateTime.Now;
        _worker = worker;
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
                return _removed ? BindTraceState.Removed
                    : _worker.Error is not null ? BindTraceState.Failed
                    : _worker.HasEnded ? BindTraceState.Stopped
                    : BindTraceState.Running;
            }
        }
    }

    /// <summary>What ended it, if <see cref="State"/> is Failed.</summary>
    public Exception? Error => _worker.Error;

    /// <summary>
    /// The same as an error for whoever takes its events: they are incomplete. Null if it did
    /// not fail.
    /// </summary>
    public TraceException? Failure => Error is not { } error ? null : new(
        "TraceFailed",
        TraceErrorKind.InvalidOperation,
        $"The trace '{DisplayText.Escape(Name)}' failed and no longer collects anything: {error.Message}",
        "Fetch what it has collected, remove it, and start another trace.",
        Name,
        error);

    /// <summary>The back end in use.</summary>
    public Backend Backend => _worker.Backend;

    /// <summary>Which calls that are asked for the back end does not see; empty if it sees all.</summary>
    public string Blind => _worker.Blind;

    /// <summary>Whether it was seen to work: before it began, or when it proved itself last.</summary>
    public TraceProof Proof => _worker.Proof;

    /// <summary>The back ends that were not taken before, and why.</summary>
    public IReadOnlyList<BackendRefusal> Refusals => _worker.Refusals;

    /// <summary>What it traces.</summary>
    public TraceFilter Filter => Options.Filter;

    /// <summary>How it traces.</summary>
    public TraceOptions Options { get; }

    /// <summary>How many events it keeps for those who come for them.</summary>
    public int MaxQueued { get; }

    /// <summary>When it began, local time.</summary>
    public DateTime StartTime { get; }

    /// <summary>How many events it got from the kernel, or calls it counted there.</summary>
    public long Received => _worker.CountReceived(Statistics);

    /// <summary>How many were lost: in the kernel, or because nobody fetched them in time.</summary>
    public long Dropped => Statistics.Dropped + _worker.Overflowed;

    /// <summary>How many failures were to be explained and were not, as they came faster than they could be looked into.</summary>
    public long NotExplained => _worker.NotExplained;

    /// <summary>How many events wait to be fetched.</summary>
    public int Queued => _worker.Queued;

    /// <summary>What it shows in metrics.</summary>
    internal TraceMetrics Metrics => _worker.Metrics;

    private TraceStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return _removed ? _lastStatistics : _worker.ReadStatistics();
            }
        }
    }

    /// <summary>
    /// The events of several traces as they come, each with its trace, until all have ended and everything was
    /// taken, or the token is cancelled.
    /// </summary>
    public static IEnumerable<(BindTrace Trace, BindEvent Event)> Follow(IReadOnlyList<BindTrace> traces, CancellationToken cancellationToken)
    {
        Task<bool>[] waits = [.. traces.Select(t => t._worker.WaitAsync(cancellationToken))];
        while (true)
        {
            for (int i = 0; i < waits.Length; i++)
            {
                // One that has found the end or was cancelled stays as it is.
                if (!waits[i].IsCompletedSuccessfully || !waits[i].Result)
                {
                    continue;
                }

                // Not more than there are now, or the other traces would have to wait for a busy one.
                foreach (BindEvent next in traces[i].TakeQueued())
                {
                    yield return (traces[i], next);
                    if (cancellationToken.IsCancellationRequested)
                    {
                        yield break;
                    }
                }

                waits[i] = traces[i]._worker.WaitAsync(cancellationToken);
            }

            Task<bool>[] open = [.. waits.Where(w => !w.IsCompleted || (w.IsCompletedSuccessfully && w.Result))];
            if (open.Length == 0)
            {
                yield break;
            }

            // Cancellation ends each of them.
            Task.WaitAny(open, CancellationToken.None);
        }
    }

    /// <summary>Makes the trace prove again that it sees calls, by calls of this process, as before it started; none of these is collected.</summary>
    /// <exception cref="TraceException"><c>TraceNotRunning</c>: it has ended.</exception>
    public BindTraceTest Test() => _worker.ProveAgain() is { } proof ? new(Name, Mode, Backend, proof) : throw new TraceException(
        "TraceNotRunning",
        TraceErrorKind.InvalidOperation,
        $"The trace '{DisplayText.Escape(Name)}' has ended and no longer sees anything.",
        "Test a trace while it runs; its Proof property has the result of its last test.",
        Name);

    /// <summary>Takes the oldest event out of the queue, if there is one.</summary>
    public bool TryTake([NotNullWhen(true)] out BindEvent? next) => _worker.TryTake(out next);

    /// <summary>
    /// Takes as many events as are queued at this moment, oldest first, and not what comes meanwhile: this ends
    /// however fast more come. What is not enumerated stays.
    /// </summary>
    public IEnumerable<BindEvent> TakeQueued()
    {
        return Take(Queued);

        IEnumerable<BindEvent> Take(int count)
        {
            for (; count > 0 && TryTake(out BindEvent? next); count--)
            {
                yield return next;
            }
        }
    }

    /// <summary>
    /// How many calls are missing from its events, if more are than this said the last time; else null. Who takes
    /// events asks afterwards.
    /// </summary>
    public LossReport? TakeLoss()
    {
        LossReport? loss = LossReport.OfQueue(Name, Statistics, _worker.Overflowed);
        return loss is not null && loss.Lost > Interlocked.Exchange(ref _reportedLoss, loss.Lost) ? loss : null;
    }

    /// <summary>
    /// What has become of cgroups of the filter that this did not give before, one sentence each: such as that one no
    /// longer exists.
    /// </summary>
    public IReadOnlyList<string> TakeWarnings() => ReadUnlessRemoved(worker => worker.ReadWarnings(), []);

    /// <summary>How many calls are not in the counts that were read last; null if all are, or it was removed.</summary>
    public LossReport? ReadLoss() => ReadUnlessRemoved(worker => worker.ReadCountLoss(), null);

    /// <summary>The counts so far, highest first; of a trace in Count mode.</summary>
    /// <exception cref="TraceException"><c>NotCounting</c>, <c>TraceRemoved</c>.</exception>
    public IReadOnlyList<BindCount> ReadCounts() => ReadCounts(worker => worker.ReadCounts());

    /// <summary>The same, summed by <see cref="TraceOptions.GroupBy"/>; empty without.</summary>
    /// <exception cref="TraceException"><c>NotCounting</c>, <c>TraceRemoved</c>.</exception>
    public IReadOnlyList<BindCountGroup> ReadCountGroups() => ReadCounts(worker => worker.ReadCountGroups());

    private T ReadUnlessRemoved<T>(Func<TraceWorker, T> read, T otherwise)
    {
        lock (_lock)
        {
            return _removed ? otherwise : read(_worker);
        }
    }

    private IReadOnlyList<T> ReadCounts<T>(Func<TraceWorker, IReadOnlyList<T>?> read)
    {
        lock (_lock)
        {
            if (_removed && Mode == BindTraceMode.Count)
            {
                throw new TraceException(
                    "TraceRemoved",
                    TraceErrorKind.InvalidOperation,
                    $"The trace '{DisplayText.Escape(Name)}' was removed with its counts.",
                    "Read the counts before you remove a trace; stopping it keeps them.", Name);
            }

            return read(_worker) ?? throw new TraceException(
                "NotCounting",
                TraceErrorKind.InvalidOperation,
                $"The trace '{DisplayText.Escape(Name)}' collects events, not counts.",
                "Start a trace that counts, or group its events by address and port.",
                Name);
        }
    }

    /// <summary>Writes its metrics; nothing of a trace that was removed.</summary>
    internal void WriteTo(MetricSet set, MetricTally? tally)
    {
        lock (_lock)
        {
            if (!_removed)
            {
                Metrics.WriteTo(set, tally);
            }
        }
    }

    /// <summary>Lets Prometheus ask for its metrics until it is removed; what happens from now on is counted.</summary>
    internal void Serve(MetricEndpoint endpoint)
    {
        _endpoint = endpoint;
        MetricTally? tally = Mode == BindTraceMode.Event ? Metrics.Begin([]) : null;
        endpoint.Begin(set => WriteTo(set, tally));
        _proofs = new ProofWatch(_worker.ProveAgain);
    }

    /// <summary>Detaches. What happened before is still collected, and what was collected stays.</summary>
    public void Stop() => _worker.Stop();

    /// <summary>Stops and frees everything; the queue is emptied.</summary>
    public void Dispose()
    {
        Stop();

        _proofs?.Dispose();

        // Not within the lock, as an answer on its way takes it, too.
        _endpoint?.Dispose();
        lock (_lock)
        {
            if (!_removed)
            {
                _lastStatistics = _worker.ReadStatistics();
                _removed = true;
                _worker.Dispose();
            }
        }
    }
}

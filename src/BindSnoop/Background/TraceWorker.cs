using System.Diagnostics.CodeAnalysis;
using BindSnoop.Loading;
using BindSnoop.Metrics;

namespace BindSnoop.Background;

/// <summary>What a <see cref="BindTrace"/> does in one of its modes. All members are safe from any thread.</summary>
internal abstract class TraceWorker : IDisposable
{
    /// <summary>The back end in use.</summary>
    public abstract Backend Backend { get; }

    /// <summary>Which of the requested calls the back end does not see; empty if it sees all.</summary>
    public abstract string Blind { get; }

    /// <summary>Whether it was seen to work: before it began, or when it proved itself last.</summary>
    public abstract TraceProof Proof { get; }

    /// <summary>The back ends that were not taken before, and why.</summary>
    public abstract IReadOnlyList<BackendRefusal> Refusals { get; }

    /// <summary>What it shows in metrics.</summary>
    public abstract TraceMetrics Metrics { get; }

    /// <summary>What ended it, if it was not asked to end.</summary>
    public virtual Exception? Error => null;

    /// <summary>Whether it collects no more.</summary>
    public abstract bool HasEnded { get; }

    /// <summary>How many calls it lost after the kernel had handed them over.</summary>
    public virtual long Overflowed => 0;

    /// <summary>How many failures were to be explained and were not.</summary>
    public virtual long NotExplained => 0;

    /// <summary>How many events wait to be fetched.</summary>
    public virtual int Queued => 0;

    /// <summary>Begins one.</summary>
    /// <param name="maxQueued">How many events it keeps for those who come for them.</param>
    /// <exception cref="TraceException">Nothing can be traced so.</exception>
    public static TraceWorker Begin(BindTraceMode mode, TraceOptions options, int maxQueued)
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

        if (mode != BindTraceMode.Count && options.GroupBy.Count > 0)
        {
            throw new TraceException(
                "GroupByWithoutCount",
                TraceErrorKind.InvalidArgument,
                "Only counts can be grouped.",
                "Start a trace that counts, or group the events.",
                options.GroupBy[0]);
        }

        return mode == BindTraceMode.Count ? new CountWorker(options) : new EventWorker(new BindTracer(options), maxQueued);
    }

    /// <summary>Proves again that it works; null if it has ended.</summary>
    public abstract TraceProof? ProveAgain();

    /// <summary>The outcomes of the calls so far.</summary>
    public abstract TraceStatistics ReadStatistics();

    /// <summary>What has happened to the filter's cgroups since the last call.</summary>
    public virtual IReadOnlyList<string> ReadWarnings() => [];

    /// <summary>How many events it got from the kernel, or calls it counted there.</summary>
    public abstract long CountReceived(TraceStatistics statistics);

    /// <summary>Takes the oldest event, if there is one.</summary>
    public abstract bool TryTake([NotNullWhen(true)] out BindEvent? next);

    /// <summary>Gives true when there is an event to take, and false when none will come any more.</summary>
    public abstract Task<bool> WaitAsync(CancellationToken cancellationToken);

    /// <summary>The counts so far, highest first; null if it does not count.</summary>
    public virtual IReadOnlyList<BindCount>? ReadCounts() => null;

    /// <summary>The same, summed by what was asked for; null if it does not count.</summary>
    public virtual IReadOnlyList<BindCountGroup>? ReadCountGroups() => null;

    /// <summary>How many calls are not in the counts that were read last; null if all are.</summary>
    public virtual LossReport? ReadCountLoss() => null;

    /// <summary>Detaches. What happened before is still collected.</summary>
    public abstract void Stop();

    /// <summary>Stops and frees everything.</summary>
    public abstract void Dispose();
}

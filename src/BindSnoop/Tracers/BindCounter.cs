using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Proving;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>
/// Counts calls of bind(), or of listen(), in the kernel; nothing is sent per call. It is attached when the constructor
/// returns, and nothing of it is left in the kernel after disposal.
/// </summary>
public sealed class BindCounter : IDisposable
{
    private readonly CountSession _session;
    private readonly int _capacity;
    private readonly EventDefinition _kind;
    private readonly TraceFilter _filter;

    /// <summary>Begins to count.</summary>
    /// <exception cref="TraceException">An option is wrong, or no back end works.</exception>
    public BindCounter(TraceOptions options, CountedCall call = CountedCall.Bind)
    {
        if (options.CountCapacity < 1)
        {
            throw new TraceException(
                "InvalidCountCapacity",
                TraceErrorKind.InvalidArgument,
                $"A capacity of {options.CountCapacity} counts is not possible.",
                "Give at least 1; every combination of address, port, protocol, interface and result needs one.",
                options.CountCapacity);
        }

        if (options.Filter.Container.Count > 0)
        {
            throw new TraceException(
                "ContainerWithCount",
                TraceErrorKind.InvalidArgument,
                "Calls cannot be counted by container: the kernel counts them, and knows no container names.",
                "Give the container's cgroup, or trace events and group them.");
        }

        options = options with { Filter = options.KernelFilter };
        _capacity = options.CountCapacity;
        _filter = options.Filter;
        (TracerDefinition definition, _kind) = call == CountedCall.Listen
            ? (TracerDefinition.Listen, (EventDefinition)ListenEvent.Definition)
            : (TracerDefinition.Bind, BindEvent.Definition);
        _session = CountSession.Open(definition, options, Prover.For(definition, options.Filter, isCounting: true), out IReadOnlyList<BackendRefusal> refusals);
        Refusals = refusals;
        Metrics = new TraceMetrics(options.TraceName, ReadStatistics, Read);
        Metrics.Count(Proof);
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

    /// <summary>Its metrics.</summary>
    internal TraceMetrics Metrics { get; }

    /// <summary>The outcomes of the calls so far; dropped are those for which the table had no room.</summary>
    public TraceStatistics ReadStatistics() => _session.ReadStatistics();

    /// <summary>Proves again that it works, as before it began. Safe from any thread.</summary>
    /// <returns>Null if it has ended.</returns>
    public TraceProof? ProveAgain()
    {
        try
        {
            TraceProof? proof = _session.ProveAgain(session => Prover.Prove(session, _filter));
            Metrics.Count(proof);
            return proof;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>
    /// What has happened to the filter's cgroups since the last call, one sentence each, such as that one no
    /// longer exists.
    /// </summary>
    public IReadOnlyList<string> ReadWarnings() => _session.ReadWarnings();

    /// <summary>How many calls are not in the counts that were read; null if all are.</summary>
    public LossReport? ReadLoss(IReadOnlyList<BindCount> counts) => LossReport.OfCounts(ReadStatistics().Dropped, counts.Count, _capacity);

    /// <summary>Stops counting; the counts can still be read.</summary>
    public void Stop() => _session.Detach();

    /// <summary>The counts so far, highest first. No key is missed or returned twice, for none is ever removed.</summary>
    public IReadOnlyList<BindCount> Read()
    {
        List<BindCount> counts = [.. _session.ReadCounts().Select(c => new BindCount(c.Key, c.Count, _kind))];
        counts.Sort(BindCount.Compare);
        return counts;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TraceMeter.Remove(Metrics);
        _session.Dispose();
    }
}

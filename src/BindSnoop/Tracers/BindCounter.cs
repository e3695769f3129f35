using System.Globalization;
using BindSnoop.Abi;
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
    private readonly IReadOnlyList<CountGroup> _groups;
    private readonly CountedCgroups? _cgroups;
    private int _combinations;
    private long _unknownCallers;
    private bool _unknownReported;

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
                "Counts cannot be filtered by container: the kernel counts the calls, and knows no container names.",
                "Group the counts by container, or give the container's cgroup.");
        }

        options = options with { Filter = options.KernelFilter };
        _capacity = options.CountCapacity;
        _filter = options.Filter;
        _groups = [.. options.GroupBy.Distinct()];
        (TracerDefinition definition, _kind) = call == CountedCall.Listen
            ? (TracerDefinition.Listen, (EventDefinition)ListenEvent.Definition)
            : (TracerDefinition.Bind, BindEvent.Definition);
        _session = CountSession.Open(definition, options, Prover.For(definition, options.Filter, isCounting: true), out IReadOnlyList<BackendRefusal> refusals);
        Refusals = refusals;
        _cgroups = _session.By.HasFlag(CountBy.Cgroup) ? new(_session) : null;
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

    /// <summary>How many cgroups were looked up so far.</summary>
    internal int KnownCgroups => _cgroups?.Known ?? 0;

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
    public IReadOnlyList<string> ReadWarnings()
    {
        IReadOnlyList<string> warnings = _session.ReadWarnings();
        if (_unknownReported || Interlocked.Read(ref _unknownCallers) is var unknown && unknown == 0)
        {
            return warnings;
        }

        _unknownReported = true;
        return
        [
            .. warnings,
            string.Create(
                CultureInfo.InvariantCulture,
                $"The unit, container and pod of {unknown} {(unknown == 1 ? "call" : "calls")} could not be determined: the cgroup was removed before it could be looked up, or its path cannot be read here."),
        ];
    }

    /// <summary>How many calls are not in the counts that were read last; null if all are.</summary>
    public LossReport? ReadLoss() => LossReport.OfCounts(ReadStatistics().Dropped, Volatile.Read(ref _combinations), _capacity);

    /// <summary>Stops counting; the counts can still be read.</summary>
    public void Stop() => _session.Detach();

    /// <summary>The counts so far, highest first. No key is missed or returned twice, for none is ever removed.</summary>
    public IReadOnlyList<BindCount> Read()
    {
        List<BindCount> counts = [.. ReadKeys().Select(c => new BindCount(c.Key.Call, c.Count, _kind))];
        if (_session.By != CountBy.Anyone)
        {
            counts = BindCount.Merge(counts);
        }

        counts.Sort(BindCount.Compare);
        return counts;
    }

    /// <summary>The same, summed by <see cref="TraceOptions.GroupBy"/>; empty without.</summary>
    public IReadOnlyList<BindCountGroup> ReadGroups()
    {
        if (_groups.Count == 0)
        {
            return [];
        }

        CountGrouping grouping = new(_groups, _kind, id => _cgroups!.Of(id));
        foreach ((OwnedCountKey key, long count) in ReadKeys())
        {
            grouping.Add(key, count);
        }

        Interlocked.Exchange(ref _unknownCallers, grouping.UnknownCallers);
        return grouping.ToGroups();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TraceMeter.Remove(Metrics);
        _cgroups?.Dispose();
        _session.Dispose();
    }

    private IReadOnlyList<(OwnedCountKey Key, long Count)> ReadKeys()
    {
        IReadOnlyList<(OwnedCountKey Key, long Count)> counts = _session.ReadCounts();
        Volatile.Write(ref _combinations, counts.Count);
        return counts;
    }
}

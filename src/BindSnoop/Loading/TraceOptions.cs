using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>How to trace.</summary>
public sealed record TraceOptions
{
    /// <summary>The default of <see cref="BufferSize"/>.</summary>
    public const int DefaultBufferSize = 8 * 1024 * 1024;

    /// <summary>The default of <see cref="CountCapacity"/>.</summary>
    public const int DefaultCountCapacity = 65536;

    /// <summary>The default of <see cref="ReadAhead"/>: some hundred megabytes if it is ever full.</summary>
    public const int DefaultReadAhead = 1024 * 1024;

    /// <summary>What to trace.</summary>
    public TraceFilter Filter { get; init; } = new();

    /// <summary>What to trace, with the cgroups of units in place of the units.</summary>
    /// <exception cref="TraceException"><c>UnitNotFound</c>, <c>UnitWithCgroup</c>.</exception>
    internal TraceFilter KernelFilter =>
        Filter.Unit.Count == 0 ? Filter
        : Filter.Cgroup.Count == 0 ? Filter with { Cgroup = [.. Filter.Unit.Select(Units.CgroupOf)], Unit = [] }
        : throw new TraceException(
            "UnitWithCgroup",
            TraceErrorKind.InvalidArgument,
            "A trace cannot filter by both unit and cgroup.",
            "Use only one of them; a unit is a cgroup, too.");

    /// <summary>What the kernel distinguishes callers by for <see cref="GroupBy"/>.</summary>
    internal CountBy CountBy => GroupBy.Aggregate(CountBy.Anyone, (by, group) => by | group switch
    {
        CountGroup.Comm => CountBy.Comm,
        CountGroup.User => CountBy.Uid,
        CountGroup.Unit or CountGroup.Container or CountGroup.Pod => CountBy.Cgroup,
        _ => CountBy.Anyone,
    });

    /// <summary>Which back end; by default the first that works.</summary>
    public Backend Backend { get; init; }

    /// <summary>Bytes of the buffer between the kernel and this process; a power of two of at least 4096.</summary>
    public int BufferSize { get; init; } = DefaultBufferSize;

    /// <summary>Begin with what is bound already (binds only); see <see cref="BindEvent.Existing"/>.</summary>
    public bool IncludeExisting { get; init; }

    /// <summary>
    /// How many events may wait in this process to be taken, beside those in the buffer; in steps of 256.
    /// While so many wait nothing is read.
    /// </summary>
    public int ReadAhead { get; init; } = DefaultReadAhead;

    /// <summary>Explain calls that fail (binds and listens only): <see cref="BindEvent.Cause"/>. Failed calls are traced then, too.</summary>
    public bool Explain { get; init; }

    /// <summary>How many different combinations of address, port, protocol and result can be counted.</summary>
    public int CountCapacity { get; init; } = DefaultCountCapacity;

    /// <summary>What counts are summed by (counts only); if empty, each combination is counted separately. See <see cref="BindCountGroup"/>.</summary>
    public IReadOnlyList<CountGroup> GroupBy { get; init; } = [];

    /// <summary>How many sockets that are bound a trace of releases remembers, at some 80 bytes each.</summary>
    internal int BoundCapacity { get; init; } = 65536;

    /// <summary>The name of the background trace in metrics; null for other traces.</summary>
    internal string? TraceName { get; init; }
}

namespace BindSnoop;

/// <summary>How to trace.</summary>
public sealed record TraceOptions
{
    /// <summary>The default of <see cref="BufferSize"/>.</summary>
    public const int DefaultBufferSize = 8 * 1024 * 1024;

    /// <summary>The default of <see cref="CountCapacity"/>.</summary>
    public const int DefaultCountCapacity = 65536;

    /// <summary>What to trace.</summary>
    public TraceFilter Filter { get; init; } = new();

    /// <summary>Which back end; by default the first that works.</summary>
    public Backend Backend { get; init; }

    /// <summary>Bytes of the buffer between the kernel and this process; a power of two of at least 4096.</summary>
    public int BufferSize { get; init; } = DefaultBufferSize;

    /// <summary>How many different combinations of address, port, protocol and result can be counted.</summary>
    public int CountCapacity { get; init; } = DefaultCountCapacity;

    /// <summary>The background trace that metrics are told of; null of others.</summary>
    internal string? TraceName { get; init; }
}

/// <summary>What became of the calls that the hooks saw. All numbers are since the trace began.</summary>
/// <param name="Emitted">Sent to this process, or counted in the kernel.</param>
/// <param name="Dropped">
/// Lost: no room in the buffer, the count map or the table of calls under way, a return that never came,
/// or a program that the kernel did not run.
/// </param>
/// <param name="Filtered">Not asked for.</param>
public sealed record TraceStatistics(long Emitted, long Dropped, long Filtered)
{
    /// <summary>Those of <see cref="Dropped"/> for which the kernel ran no program, or not the one at their return.</summary>
    public long Missed { get; init; }

    /// <summary>Whether another back end would help more than room in the buffer.</summary>
    public bool IsMostlyMissed => Missed > Dropped / 2;
}

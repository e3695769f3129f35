namespace BindSnoop;

/// <summary>The outcomes of the calls that the hooks saw. All numbers are since the trace began.</summary>
/// <param name="Emitted">Sent to this process, or counted in the kernel.</param>
/// <param name="Dropped">
/// Lost: no room in the buffer, the count map or the table of calls under way, a return that never came,
/// or a program that the kernel did not run.
/// </param>
/// <param name="Filtered">Calls that the filter left out.</param>
public sealed record TraceStatistics(long Emitted, long Dropped, long Filtered)
{
    /// <summary>Those of <see cref="Dropped"/> for which the kernel ran no program, or not the one at their return.</summary>
    public long Missed { get; init; }

    /// <summary>Whether another back end would help more than room in the buffer.</summary>
    public bool IsMostlyMissed => Missed > Dropped / 2;
}

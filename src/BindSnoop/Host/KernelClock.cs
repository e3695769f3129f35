using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>
/// Turns the kernel's boot-time clock, which runs on through suspend and is never set, into wall-clock
/// time. The distance between the two is measured anew for every batch of events, so that a step of the
/// wall clock holds for the events after it.
/// </summary>
internal struct KernelClock
{
    private const long NanosecondsPerTick = 100;

    private long _offset;

    /// <summary>Nanoseconds since boot, CLOCK_BOOTTIME of the machine, whatever time namespace this process is in.</summary>
    /// <exception cref="TraceException"><c>ClockUnknown</c>.</exception>
    public static long Now => Read(Libc.CLOCK_BOOTTIME) - Namespaces.BootTimeOffset;

    /// <summary>Measures the distance of the clocks.</summary>
    /// <exception cref="TraceException"><c>ClockUnknown</c>.</exception>
    public void Synchronize()
    {
        long before = Now;
        long wall = Read(Libc.CLOCK_REALTIME);
        long after = Now;
        _offset = wall - (before + ((after - before) / 2));
    }

    /// <summary>The UTC ticks of a moment given in nanoseconds since boot.</summary>
    public readonly long ToUtcTicks(ulong nanoseconds) =>
        DateTime.UnixEpoch.Ticks + (((long)nanoseconds + _offset) / NanosecondsPerTick);

    private static long Read(int clock)
    {
        _ = Libc.clock_gettime(clock, out Libc.TimeSpecification time);
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }
}

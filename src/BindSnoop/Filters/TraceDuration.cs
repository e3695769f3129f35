namespace BindSnoop;

/// <summary>How long a trace can last, and how long can be waited between two writes: the same limits wherever a time is given.</summary>
internal static class TraceDuration
{
    /// <summary>A timer that is to fire more often fires once and never again.</summary>
    public static TimeSpan Shortest { get; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Timers and waits count milliseconds in 31 bits, which end a little later.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromDays(24);

    /// <summary>Of seconds, however many; <see cref="Check"/> is for what comes out.</summary>
    public static TimeSpan FromSeconds(double seconds) => seconds switch
    {
        double.NaN => TimeSpan.Zero,
        > 1e9 => TimeSpan.MaxValue,
        < -1e9 => TimeSpan.MinValue,
        _ => TimeSpan.FromSeconds(seconds),
    };

    /// <summary>Lets a time through that is within the limits.</summary>
    /// <exception cref="TraceException"><c>InvalidDuration</c>.</exception>
    public static TimeSpan Check(TimeSpan duration) =>
        duration >= Shortest && duration <= Longest
            ? duration
            : throw new TraceException(
                "InvalidDuration",
                TraceErrorKind.InvalidArgument,
                $"A duration of {duration:c} is not possible.",
                "Give at least a millisecond and at most 24 days (2073600 seconds).",
                duration);
}

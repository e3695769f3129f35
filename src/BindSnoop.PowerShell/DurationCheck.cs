namespace BindSnoop.PowerShell;

internal static class DurationCheck
{
    /// <summary>Refuses durations that no trace can have.</summary>
    public static TimeSpan? Check(TimeSpan? duration) =>
        duration is null || (duration > TimeSpan.Zero && duration.Value.TotalMilliseconds < int.MaxValue)
            ? duration
            : throw new TraceException(
                "InvalidDuration",
                TraceErrorKind.InvalidArgument,
                "The duration is not one that a trace can have.",
                "Give a time span such as 00:00:05, or seconds such as 5 or 0.5: more than 0, and at most 24 days.",
                duration);
}

using System.Globalization;

namespace BindSnoop;

/// <summary>Why calls were lost; who uses the engine knows what of his own may help.</summary>
public enum LossCause
{
    /// <summary>They came faster than they were read: a larger buffer or a narrower filter helps.</summary>
    BufferFull,

    /// <summary>The kernel did not run the program: another back end may see them.</summary>
    NotRun,

    /// <summary>The table of counts has no room for more combinations: a larger one or a narrower filter helps.</summary>
    TableFull,

    /// <summary>They were not fetched from a background trace in time: a longer queue or a narrower filter helps.</summary>
    QueueFull,
}

/// <summary>How many calls were lost.</summary>
/// <param name="Lost">How many.</param>
/// <param name="Cause">Why most of them were.</param>
/// <param name="Message">One sentence that says both.</param>
public sealed record LossReport(long Lost, LossCause Cause, string Message)
{
    private const string TooFast = "they arrived faster than they were read";
    private const string NotRun = "the kernel did not run the program that reports calls";

    /// <summary>Of a live trace; null if nothing was lost.</summary>
    /// <param name="statistics">How many of its calls were delivered, and how many were lost.</param>
    /// <param name="isTotal">Whether the trace is over.</param>
    internal static LossReport? OfEvents(TraceStatistics statistics, bool isTotal)
    {
        if (statistics.Dropped == 0)
        {
            return null;
        }

        LossCause cause = CauseOf(statistics);
        string extent = isTotal ? Text($"in all, of {statistics.Emitted + statistics.Dropped}") : "so far";
        string verb = statistics.Dropped == 1 ? "was lost" : "were lost";
        string why = cause == LossCause.NotRun ? NotRun : statistics.Dropped == 1 ? "it arrived faster than it was read" : TooFast;
        return new(statistics.Dropped, cause, $"{Calls(statistics.Dropped)} {verb} {extent}: {why}.");
    }

    /// <summary>Of counts; null if nothing was lost.</summary>
    /// <param name="lost">How many calls were not counted.</param>
    /// <param name="combinations">How many combinations there are in the table.</param>
    /// <param name="capacity">How many it has room for.</param>
    internal static LossReport? OfCounts(long lost, int combinations, int capacity) =>
        lost == 0 ? null
        : combinations < capacity ? new(lost, LossCause.NotRun, $"{Calls(lost)} may be missing from the counts: {NotRun}.")
        : new(lost, LossCause.TableFull, Text($"{Calls(lost)} {(lost == 1 ? "is" : "are")} not in the counts: the table holds only {capacity} combinations."));

    /// <summary>Of a background trace that collects events; null if nothing was lost.</summary>
    /// <param name="name">The trace's name.</param>
    /// <param name="statistics">How many of its calls the kernel delivered, and how many it dropped.</param>
    /// <param name="overflowed">How many its queue had no room for.</param>
    internal static LossReport? OfQueue(string name, TraceStatistics statistics, long overflowed)
    {
        long lost = statistics.Dropped + overflowed;
        if (lost == 0)
        {
            return null;
        }

        LossCause cause = overflowed > statistics.Dropped ? LossCause.QueueFull : CauseOf(statistics);
        string why = cause switch
        {
            LossCause.QueueFull => "its queue was full before they were fetched",
            LossCause.NotRun => NotRun,
            _ => TooFast,
        };
        return new(lost, cause, $"{Calls(lost)} {(lost == 1 ? "is" : "are")} missing from what the trace '{DisplayText.Escape(name)}' collected: {why}.");
    }

    private static LossCause CauseOf(TraceStatistics statistics) => statistics.IsMostlyMissed ? LossCause.NotRun : LossCause.BufferFull;

    private static string Calls(long number) => number == 1 ? "1 call" : Text($"{number} calls");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

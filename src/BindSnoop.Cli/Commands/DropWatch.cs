using System.Globalization;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>Tells of dropped events: while they grow, when it is asked to look, and in the end how many it were.</summary>
internal sealed class DropWatch(Func<TraceStatistics> read) : IDisposable
{
    private const int PeriodMilliseconds = 1000;

    private long _reported;
    private long _nextLook;

    /// <summary>Looks, unless it has done so within the last second.</summary>
    public void LookNowAndThen()
    {
        if (Environment.TickCount64 >= _nextLook)
        {
            Look();
        }
    }

    /// <summary>Looks whether there are more than were told.</summary>
    public void Look()
    {
        _nextLook = Environment.TickCount64 + PeriodMilliseconds;
        long dropped = read().Dropped;
        if (dropped > _reported)
        {
            _reported = dropped;
            Messages.Write(string.Create(CultureInfo.InvariantCulture, $"bindsnoop: warning: {dropped} {(dropped == 1 ? "event" : "events")} {Were(dropped)} dropped so far."));
        }
    }

    /// <summary>Tells how many it were.</summary>
    public void Dispose()
    {
        TraceStatistics last = read();
        if (last.Dropped > 0)
        {
            Messages.Write(string.Create(
                CultureInfo.InvariantCulture,
                $"bindsnoop: warning: {last.Dropped} of {last.Emitted + last.Dropped} events {Were(last.Dropped)} dropped; {(last.IsMostlyMissed ? "another --backend may see them" : "narrower filters or a larger --buffer-size help")}."));
        }
    }

    private static string Were(long number) => number == 1 ? "was" : "were";
}

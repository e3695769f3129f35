using System.Globalization;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>Tells of dropped events: at most each second while they grow, and in the end how many it were.</summary>
internal sealed class DropWatch : IDisposable
{
    private const int PeriodMilliseconds = 1000;

    private readonly Func<TraceStatistics> _read;
    private readonly Timer _timer;
    private long _reported;

    public DropWatch(Func<TraceStatistics> read)
    {
        _read = read;
        _timer = new Timer(_ => Look(), null, PeriodMilliseconds, PeriodMilliseconds);
    }

    /// <summary>Ends the watch; when it returns nothing looks at the trace any more.</summary>
    public void Dispose()
    {
        _timer.DisposeAsync().AsTask().Wait();
        TraceStatistics last = _read();
        if (last.Dropped > 0)
        {
            Messages.Write(string.Create(
                CultureInfo.InvariantCulture,
                $"bindsnoop: warning: {last.Dropped} of {last.Emitted + last.Dropped} events {Were(last.Dropped)} dropped; narrower filters or a larger --buffer-size help."));
        }
    }

    private static string Were(long number) => number == 1 ? "was" : "were";

    private void Look()
    {
        try
        {
            long dropped = _read().Dropped;
            if (dropped > _reported)
            {
                _reported = dropped;
                Messages.Write(string.Create(CultureInfo.InvariantCulture, $"bindsnoop: warning: {dropped} {(dropped == 1 ? "event" : "events")} {Were(dropped)} dropped so far."));
            }
        }
        catch (TraceException)
        {
            // The last look tells, where an error can be reported.
        }
    }
}

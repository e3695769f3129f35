using BindSnoop.Cli.Output;
using BindSnoop.Metrics;

namespace BindSnoop.Cli.Export;

/// <summary>Keeps a file of metrics up to date (<c>--metrics</c>).</summary>
internal sealed class MetricWriter : IDisposable
{
    private readonly MetricFile _file;
    private readonly TraceMetrics _metrics;
    private readonly MetricTally _tally;
    private readonly Timer _timer;
    private readonly object _lock = new();
    private bool _failing;

    /// <summary>Writes the file for the first time, and then every interval.</summary>
    /// <exception cref="TraceException">It cannot be written.</exception>
    public MetricWriter(MetricFile file, TraceMetrics metrics, TimeSpan interval)
    {
        _file = file;
        _metrics = metrics;
        _tally = metrics.Begin([]);
        Write();
        _timer = new Timer(_ => WriteAgain(), null, interval, interval);
    }

    /// <summary>Writes the last values.</summary>
    public void Finish()
    {
        _timer.DisposeAsync().AsTask().Wait();
        Write();
    }

    public void Dispose() => _timer.Dispose();

    private void Write()
    {
        MetricSet set = new();
        _metrics.WriteTo(set, _tally);
        _file.Write(set);
    }

    private void WriteAgain()
    {
        // A write that takes longer than the interval is not overtaken by the next.
        if (!Monitor.TryEnter(_lock))
        {
            return;
        }

        try
        {
            Write();
            _failing = false;
        }
        catch (TraceException exception)
        {
            // What is wrong now, such as a full disk, may be right again the next time.
            if (!_failing)
            {
                Messages.Write($"bindsnoop: warning: {exception.Message} Trying again.");
            }

            _failing = true;
        }
        finally
        {
            Monitor.Exit(_lock);
        }
    }
}

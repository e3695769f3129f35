using System.Collections.Concurrent;
using BindSnoop.Cli.Output;
using BindSnoop.Metrics;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Resources;

namespace BindSnoop.Cli.Export;

/// <summary>
/// Sends events as log records. They wait in a queue of limited length while the receiver is away; what finds
/// no room there, or is refused for good, is counted.
/// </summary>
internal sealed class OtlpLogs : IEventWriter<TraceEvent>, IDisposable
{
    private const int BatchSize = 512;

    private static readonly TimeSpan s_gathering = TimeSpan.FromSeconds(1);

    private readonly BlockingCollection<TraceEvent> _queue;
    private readonly OtlpSender _sender;
    private readonly BatchLogRecordExportProcessor _batch;
    private readonly ILoggerFactory _factory;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly string _url;
    private long _offered;
    private long _delivered;

    public OtlpLogs(OtlpTarget target, ResourceBuilder resource, int maxQueued)
    {
        _url = target.Url.OriginalString;
        _queue = new(maxQueued);
        _sender = new OtlpSender("events", target.Url.OriginalString, patient: true);
        OtlpExporterOptions exporter = new();
        target.Configure(exporter, "logs", _sender.Through);

        // Never left to itself: each batch is flushed, so that what became of it is known.
        _batch = new(new OtlpLogExporter(exporter), 2 * BatchSize, int.MaxValue, int.MaxValue, BatchSize);
        _factory = LoggerFactory.Create(builder => builder.AddOpenTelemetry(options =>
        {
            options.SetResourceBuilder(resource);
            options.IncludeFormattedMessage = true;
            options.AddProcessor(new TimeStamp());
            options.AddProcessor(_batch);
        }));
        _logger = _factory.CreateLogger(TraceMeter.Name);
        _thread = new Thread(SendAll) { IsBackground = true, Name = "OTLP" };
        _thread.Start();
    }

    public void Begin()
    {
    }

    public void Write(TraceEvent next)
    {
        _offered++;
        _queue.TryAdd(next);
    }

    /// <summary>Sends what is left, in this time, and tells of what could not be sent.</summary>
    public void Finish(TimeSpan time)
    {
        _queue.CompleteAdding();
        _sender.EndWithin(time);
        _thread.Join();
        if (_delivered < _offered)
        {
            Messages.Write($"bindsnoop: warning: {_offered - _delivered} of {_offered} events did not reach {_url}.");
        }
    }

    public void Dispose()
    {
        _queue.Dispose();
        _factory.Dispose();
        _sender.Dispose();
    }

    private void SendAll()
    {
        List<TraceEvent> batch = new(BatchSize);
        while (Gather(batch))
        {
            foreach (TraceEvent next in batch)
            {
                OtlpRecord record = new(next);
                LogLevel level = next.ErrorCode == 0 ? LogLevel.Information : LogLevel.Warning;
                _logger.Log(level, default, record, null, static (r, _) => $"{r.Event}");
            }

            _batch.ForceFlush();
            _delivered += _sender.Delivered ? batch.Count : 0;
        }
    }

    /// <summary>Waits for events, and a moment longer for a whole batch of them.</summary>
    private bool Gather(List<TraceEvent> batch)
    {
        batch.Clear();
        if (!_queue.TryTake(out TraceEvent? next, Timeout.Infinite))
        {
            return false;
        }

        long deadline = Environment.TickCount64 + (long)s_gathering.TotalMilliseconds;
        do
        {
            batch.Add(next);
        }
        while (batch.Count < BatchSize && _queue.TryTake(out next, (int)Math.Max(0, deadline - Environment.TickCount64)));
        return true;
    }

    /// <summary>The time at which it happened, and not the one at which it is sent.</summary>
    private sealed class TimeStamp : BaseProcessor<LogRecord>
    {
        public override void OnEnd(LogRecord data)
        {
            if (data.Attributes is OtlpRecord record)
            {
                data.Timestamp = record.Event.Time.ToUniversalTime();
            }
        }
    }
}

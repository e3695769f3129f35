using BindSnoop.Cli.Output;
using BindSnoop.Metrics;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Resources;

namespace BindSnoop.Cli.Export;

/// <summary>
/// Sends events as log records. They wait in the SDK's queue of limited length while the receiver is away;
/// what finds no room there, or is refused for good, is what was offered and not delivered.
/// </summary>
internal sealed class OtlpLogs : IEventWriter<TraceEvent>, IDisposable
{
    private const int BatchSize = 512;
    private const int GatheringMilliseconds = 1000;

    private readonly OtlpSender _sender;
    private readonly BatchLogRecordExportProcessor _batches;
    private readonly ILoggerFactory _factory;
    private readonly ILogger _logger;
    private readonly string _url;
    private long _offered;

    public OtlpLogs(OtlpTarget target, ResourceBuilder resource, int maxQueued)
    {
        _url = target.Url.OriginalString;
        _sender = new OtlpSender("events", _url, patient: true);
        OtlpExporterOptions exporter = new();
        target.Configure(exporter, "logs", _sender.Through);
        _batches = new(new OtlpLogExporter(exporter), maxQueued, GatheringMilliseconds, int.MaxValue, Math.Min(BatchSize, maxQueued));
        _factory = LoggerFactory.Create(builder => builder.AddOpenTelemetry(options =>
        {
            options.SetResourceBuilder(resource);
            options.IncludeFormattedMessage = true;
            options.AddProcessor(new TimeStamp());
            options.AddProcessor(_batches);
        }));
        _logger = _factory.CreateLogger(TraceMeter.Name);
    }

    public void Begin()
    {
    }

    public void Write(TraceEvent next)
    {
        _offered++;
        OtlpLogRecord record = new(next);
        LogLevel level = next.ErrorCode == 0 ? LogLevel.Information : LogLevel.Warning;
        _logger.Log(level, default, record, null, static (r, _) => $"{r.Event}");
    }

    /// <summary>Sends what is left within this time, and reports what could not be sent.</summary>
    public void Finish(TimeSpan time)
    {
        _sender.EndWithin(time);
        _batches.Shutdown();
        if (_sender.Delivered < _offered)
        {
            Messages.Write($"bindsnoop: warning: {_offered - _sender.Delivered} of {_offered} events did not reach {_url}.");
        }
    }

    public void Dispose()
    {
        _sender.EndWithin(TimeSpan.Zero);
        _factory.Dispose();
        _sender.Dispose();
    }

    /// <summary>The time at which it happened, and not the one at which it is sent.</summary>
    private sealed class TimeStamp : BaseProcessor<LogRecord>
    {
        public override void OnEnd(LogRecord data)
        {
            if (data.Attributes is OtlpLogRecord record)
            {
                data.Timestamp = record.Event.Time.ToUniversalTime();
            }
        }
    }
}

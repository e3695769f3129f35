using BindSnoop.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace BindSnoop.Cli.Export;

/// <summary>Sends the meter's values. Sums are cumulative, so a lost request does no harm.</summary>
internal sealed class OtlpMetrics : IDisposable
{
    private readonly OtlpSender _sender;
    private readonly MeterProvider _provider;

    public OtlpMetrics(OtlpTarget target, ResourceBuilder resource, TimeSpan interval)
    {
        _sender = new OtlpSender("metrics", target.Url.OriginalString, patient: false);
        _provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(TraceMeter.Name)
            .SetResourceBuilder(resource)
            .AddOtlpExporter((options, reader) =>
            {
                target.Configure(options, "metrics", _sender.Through);
                reader.TemporalityPreference = MetricReaderTemporalityPreference.Cumulative;
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)interval.TotalMilliseconds;
            })
            .Build();
    }

    /// <summary>Sends the last values, in this time.</summary>
    public void Finish(TimeSpan time)
    {
        _sender.EndWithin(time);
        _provider.Shutdown((int)time.TotalMilliseconds);
    }

    public void Dispose()
    {
        _sender.EndWithin(TimeSpan.Zero);
        _provider.Dispose();
        _sender.Dispose();
    }
}

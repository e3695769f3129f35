using System.Net;
using System.Reflection;
using BindSnoop.Cli.Output;
using BindSnoop.Metrics;
using OpenTelemetry.Resources;

namespace BindSnoop.Cli.Export;

/// <summary>What goes elsewhere than to standard output, during one run.</summary>
/// <param name="MetricFile">Where metrics are written to.</param>
/// <param name="MetricInterval">How often metrics are written and sent.</param>
/// <param name="Prometheus">Where Prometheus may ask for metrics.</param>
/// <param name="Target">Where OTLP goes.</param>
/// <param name="Logs">Whether events are sent there.</param>
/// <param name="Metrics">Whether metrics are sent there.</param>
/// <param name="MaxQueued">How many events wait for a receiver that is away.</param>
/// <param name="Quiet">Whether standard output gets nothing.</param>
internal sealed record ExportPlan(
    MetricFile? MetricFile, TimeSpan MetricInterval, IPEndPoint? Prometheus, OtlpTarget? Target, bool Logs, bool Metrics, int MaxQueued, bool Quiet);

/// <summary>Carries out an <see cref="ExportPlan"/>.</summary>
internal sealed class Exports : IDisposable
{
    private static readonly TimeSpan s_timeToFinish = TimeSpan.FromSeconds(10);

    private readonly ExportPlan _plan;
    private OtlpLogs? _logs;
    private OtlpMetrics? _metrics;
    private readonly MetricEndpoint? _endpoint;
    private MetricWriter? _writer;

    /// <summary>Listens already when tracing begins, so that no call is missed.</summary>
    public Exports(ExportPlan plan, bool events)
    {
        _plan = plan;
        _endpoint = plan.Prometheus is { } address ? new MetricEndpoint(address) : null;
        if (plan.Target is { } target)
        {
            Connect(target, events);
        }
    }

    /// <summary>Tracing has begun.</summary>
    public void Begin(TraceMetrics metrics)
    {
        if (_plan.MetricFile is { } file)
        {
            _writer = new MetricWriter(file, metrics, _plan.MetricInterval);
        }

        if (_endpoint is not null)
        {
            MetricTally tally = metrics.Begin([]);
            _endpoint.Begin(set => metrics.WriteTo(set, tally));
        }
    }

    /// <summary>Everything that writes an event.</summary>
    public IEventWriter<TEvent> WriterFor<TEvent>(IEventWriter<TEvent> output)
        where TEvent : TraceEvent
    {
        List<IEventWriter<TEvent>> writers = [];
        if (!_plan.Quiet)
        {
            writers.Add(output);
        }

        if (_logs is not null)
        {
            writers.Add(_logs);
        }

        return writers.Count == 1 ? writers[0] : new SeveralWriters<TEvent>(writers);
    }

    /// <summary>All events have been written: brings the rest to where it goes.</summary>
    public void Finish()
    {
        try
        {
            _endpoint?.Dispose();
            _writer?.Finish();
        }
        finally
        {
            // Both at a time, so that it takes no longer than that.
            Task metrics = Task.Run(() => _metrics?.Finish(s_timeToFinish));
            _logs?.Finish(s_timeToFinish);
            metrics.GetAwaiter().GetResult();
        }
    }

    public void Dispose()
    {
        _endpoint?.Dispose();
        _writer?.Dispose();
        _metrics?.Dispose();
        _logs?.Dispose();
    }

    // By itself, as the SDK's assemblies take time to load and are seldom needed.
    private void Connect(OtlpTarget target, bool events)
    {
        target.EnsureUsable();
        ResourceBuilder resource = Resource();
        _logs = _plan.Logs && events ? new OtlpLogs(target, resource, _plan.MaxQueued) : null;
        _metrics = _plan.Metrics ? new OtlpMetrics(target, resource, _plan.MetricInterval) : null;
    }

    /// <summary>Who sends; the environment (OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME) has the last word.</summary>
    private static ResourceBuilder Resource() => ResourceBuilder.CreateEmpty()
        .AddTelemetrySdk()
        .AddService(
            "bindsnoop",
            serviceVersion: typeof(Exports).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
            autoGenerateServiceInstanceId: false,
            serviceInstanceId: Environment.MachineName)
        .AddAttributes([new("host.name", Environment.MachineName)])
        .AddEnvironmentVariableDetector();

    private sealed class SeveralWriters<TEvent>(List<IEventWriter<TEvent>> writers) : IEventWriter<TEvent>
    {
        public void Begin() => writers.ForEach(w => w.Begin());

        public void Write(TEvent next) => writers.ForEach(w => w.Write(next));
    }
}

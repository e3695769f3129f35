using System.Diagnostics.Metrics;
using System.Reflection;

namespace BindSnoop.Metrics;

/// <summary>
/// The <see cref="Meter"/> through which any .NET metrics client reads what this process traces. Nothing is
/// counted until a client looks.
/// </summary>
public static class TraceMeter
{
    /// <summary>The meter's name.</summary>
    public const string Name = "BindSnoop";

    private static readonly object s_lock = new();
    private static readonly List<TraceMetrics> s_traces = [];

    // Of traces without a name that have ended: their sum must not shrink.
    private static readonly MetricSet s_ended = new();

    private static readonly Meter s_meter =
        new(Name, typeof(TraceMeter).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);

    private static readonly Instrument[] s_instruments = [.. Metric.All.Select(Create)];

    /// <summary>Publishes a trace. If somebody listens already, none of its calls is missed.</summary>
    internal static void Add(TraceMetrics trace)
    {
        lock (s_lock)
        {
            s_traces.Add(trace);
            if (IsObserved)
            {
                _ = trace.Published;
            }
        }
    }

    /// <summary>Forgets a trace that is about to be disposed of.</summary>
    internal static void Remove(TraceMetrics trace)
    {
        lock (s_lock)
        {
            if (s_traces.Remove(trace) && trace.TraceName is null && IsObserved)
            {
                trace.WriteTo(s_ended, trace.Published);
            }
        }
    }

    private static bool IsObserved => s_instruments.Any(i => i.Enabled);

    private static Instrument Create(Metric metric) => metric.IsCounter
        ? s_meter.CreateObservableCounter(metric.Name, () => Observe(metric), metric.Unit, metric.Description)
        : s_meter.CreateObservableUpDownCounter(metric.Name, () => Observe(metric), metric.Unit, metric.Description);

    private static IEnumerable<Measurement<long>> Observe(Metric metric)
    {
        MetricSet set = new(metric);
        lock (s_lock)
        {
            set.Add(s_ended);
            foreach (TraceMetrics trace in s_traces)
            {
                trace.WriteTo(set, trace.Published);
            }
        }

        return set.Of(metric).Select(v => new Measurement<long>(v.Value, v.Tags));
    }
}

using System.Globalization;
using System.Text;

namespace BindSnoop.Metrics;

/// <summary>
/// Prometheus' text format. Names are those that Prometheus itself gives what it receives by OTLP, so that
/// a query fits both ways.
/// </summary>
internal static class PrometheusText
{
    /// <summary>How every such text begins that has a value in it.</summary>
    public static byte[] Beginning => "# HELP bindsnoop_"u8.ToArray();

    public static string Write(MetricSet set)
    {
        StringBuilder text = new();
        foreach (Metric metric in Metric.All.Where(m => set.Of(m).Any()))
        {
            string name = Name(metric.Name) + (metric.IsCounter ? "_total" : "");
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(metric.Description)}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {(metric.IsCounter ? "counter" : "gauge")}\n");
            foreach (MetricValue value in set.Of(metric))
            {
                string labels = string.Join(',', value.Tags.Select(t => $"{Name(t.Key)}=\"{Escape((string)t.Value!).Replace("\"", "\\\"", StringComparison.Ordinal)}\""));
                text.Append(name).Append(labels.Length > 0 ? $"{{{labels}}}" : "");
                text.Append(CultureInfo.InvariantCulture, $" {value.Value}\n");
            }
        }

        return text.ToString();
    }

    private static string Name(string name) => name.Replace('.', '_');

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}

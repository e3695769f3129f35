using System.Text;
using BindSnoop.Host;

namespace BindSnoop.Metrics;

/// <summary>A file in Prometheus' text format, such as node_exporter's textfile collector reads; it is always whole.</summary>
internal sealed class MetricFile
{
    // For everybody to read, as the collector is another user.
    private static readonly OutputKind s_kind = new("Metric", "BindSnoop's metrics", PrometheusText.Beginning, Mode: 0x1a4);

    private readonly OutputFile _file;

    /// <summary>Names the file; it need not be there yet.</summary>
    /// <exception cref="TraceException">
    /// <c>InvalidMetricPath</c>, <c>MetricPathNotFound</c>, <c>MetricLinkNotTrusted</c>, <c>MetricFileNotOurs</c>, <c>MetricFileNotWritten</c>.
    /// </exception>
    public MetricFile(string path)
    {
        _file = new OutputFile(path, s_kind);
        _file.Check(replace: true);
    }

    /// <summary>Replaces the file. Who reads it sees either all of the old or all of the new values.</summary>
    /// <exception cref="TraceException">As of the constructor, for the directory may have changed.</exception>
    public void Write(MetricSet set) => _file.Write(Encoding.UTF8.GetBytes(PrometheusText.Write(set)), replace: true);
}

namespace BindSnoop.Metrics;

/// <summary>Values of metrics at one moment, each under its tags; what is added under the same tags is summed up.</summary>
/// <param name="only">Leaves out all other metrics.</param>
internal sealed class MetricSet(Metric? only = null)
{
    /// <summary>How many traces have a name of their own; further ones are folded into <see cref="Other"/>.</summary>
    public const int MaxTraceNames = 64;

    /// <summary>The value of a tag that stands for all values that have none of their own.</summary>
    public const string Other = "other";

    private readonly Dictionary<Metric, SortedDictionary<string, MetricValue>> _values = [];
    private readonly HashSet<string> _traceNames = [];

    /// <summary>Whether any of these metrics is wanted, and worth finding out.</summary>
    public bool Wants(params ReadOnlySpan<Metric> metrics) => only is null || metrics.Contains(only);

    /// <summary>Adds to a value; tags without a value are left out.</summary>
    public void Add(Metric metric, long value, params ReadOnlySpan<KeyValuePair<string, string?>> tags)
    {
        if (!Wants(metric))
        {
            return;
        }

        List<KeyValuePair<string, object?>> present = [];
        foreach ((string name, string? text) in tags)
        {
            if (text is not null)
            {
                present.Add(new(name, text));
            }
        }

        if (!_values.TryGetValue(metric, out SortedDictionary<string, MetricValue>? ofMetric))
        {
            _values[metric] = ofMetric = new(StringComparer.Ordinal);
        }

        string key = string.Join('\0', present.Select(t => t.Value));
        long before = ofMetric.TryGetValue(key, out MetricValue? known) ? known.Value : 0;
        ofMetric[key] = new(before + value, [.. present]);
    }

    /// <summary>Adds all of another set.</summary>
    public void Add(MetricSet other)
    {
        foreach ((Metric metric, SortedDictionary<string, MetricValue> values) in other._values)
        {
            foreach (MetricValue value in values.Values)
            {
                Add(metric, value.Value, [.. value.Tags.Select(t => KeyValuePair.Create(t.Key, (string?)t.Value))]);
            }
        }
    }

    /// <summary>The values of a metric, in the order of their tags.</summary>
    public IEnumerable<MetricValue> Of(Metric metric) =>
        _values.TryGetValue(metric, out SortedDictionary<string, MetricValue>? values) ? values.Values : [];

    /// <summary>The name under which a trace appears: safe to print, and one of not too many.</summary>
    public string? TraceTag(string? name)
    {
        if (name is null)
        {
            return null;
        }

        name = DisplayText.Escape(name);
        return _traceNames.Contains(name) || (_traceNames.Count < MaxTraceNames && _traceNames.Add(name)) ? name : Other;
    }
}

/// <summary>One value of a metric, with the labels that distinguish it from the metric's other ones.</summary>
internal sealed record MetricValue(long Value, KeyValuePair<string, object?>[] Tags);

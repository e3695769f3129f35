namespace BindSnoop.Metrics;

/// <summary>
/// The metrics of one trace. Calls are counted only for those who asked for it; while nobody has,
/// an event costs a look at an empty array.
/// </summary>
/// <param name="traceName">The background trace's name; null for others.</param>
/// <param name="readStatistics">Reads the outcomes of the calls.</param>
/// <param name="readCounts">Of a trace that counts in the kernel: reads the counts.</param>
internal sealed class TraceMetrics(string? traceName, Func<TraceStatistics> readStatistics, Func<IReadOnlyList<BindCount>>? readCounts = null)
{
    private readonly object _lock = new();
    private volatile MetricTally[] _tallies = [];
    private readonly long[] _proofs = new long[2];
    private MetricTally? _published;

    /// <summary>The background trace's name; null for others.</summary>
    public string? TraceName { get; } = traceName;

    /// <summary>Of a trace with a queue: how many events are in it, and how many it had no room for.</summary>
    public Func<(long Queued, long Overflowed)>? ReadQueue { get; set; }

    /// <summary>The tally that the meter publishes; counting begins when it is first requested.</summary>
    public MetricTally Published => _published ??= Begin([]);

    /// <summary>Whether anybody has asked for calls to be counted.</summary>
    public bool IsCounting => _tallies.Length > 0;

    /// <summary>Counts an event.</summary>
    public void Count(TraceEvent next)
    {
        foreach (MetricTally tally in _tallies)
        {
            tally.Add(next);
        }
    }

    /// <summary>Counts that the trace was made to prove itself; not if it could not be.</summary>
    public void Count(TraceProof? proof)
    {
        if (proof?.Proven is { } proven)
        {
            Interlocked.Increment(ref _proofs[proven ? 0 : 1]);
        }
    }

    /// <summary>Begins to count, telling these ports apart.</summary>
    public MetricTally Begin(IReadOnlyCollection<int> ports)
    {
        MetricTally tally = new(ports);
        if (readCounts is null)
        {
            lock (_lock)
            {
                _tallies = [.. _tallies, tally];
            }
        }

        return tally;
    }

    /// <summary>Counts no more for this one.</summary>
    public void End(MetricTally tally)
    {
        lock (_lock)
        {
            _tallies = [.. _tallies.Where(t => t != tally)];
        }
    }

    /// <summary>Writes all values; those of calls come from this tally, or from the kernel's counts.</summary>
    public void WriteTo(MetricSet set, MetricTally? tally)
    {
        KeyValuePair<string, string?> trace = new("bindsnoop.trace", set.TraceTag(TraceName));
        if (set.Wants(Metric.Received, Metric.Dropped))
        {
            TraceStatistics statistics = readStatistics();
            set.Add(Metric.Received, statistics.Emitted, trace);
            set.Add(Metric.Dropped, statistics.Dropped, trace, new("reason", "kernel"));
        }

        // Also as long as there is none, or the first would be no increase.
        set.Add(Metric.Proofs, Interlocked.Read(ref _proofs[0]), trace, new("result", "success"));
        set.Add(Metric.Proofs, Interlocked.Read(ref _proofs[1]), trace, new("result", "failure"));
        if (ReadQueue?.Invoke() is (long queued, long overflowed))
        {
            set.Add(Metric.Queued, queued, trace);
            set.Add(Metric.Dropped, overflowed, trace, new("reason", "queue"));
        }

        if (!set.Wants([Metric.PrivilegedBinds, Metric.Errors, .. EventDefinition.All.Select(Metric.CallsOf)]))
        {
            return;
        }

        if (readCounts is not null)
        {
            tally = new(tally?.Ports ?? []);
            foreach (BindCount count in readCounts())
            {
                tally.Add(count);
            }
        }

        tally?.WriteTo(set, TraceName);
    }
}

namespace BindSnoop.Reports;

/// <summary>Counts by time, in steps that grow with the time they span, so that there are never more than <see cref="Most"/>.</summary>
internal sealed class Timeline
{
    /// <summary>The most steps that there are.</summary>
    public const int Most = 240;

    // Milliseconds; each is a multiple of the one before, and the last doubles.
    private static readonly long[] s_steps =
        [100, 500, 1000, 5000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000];

    private readonly Dictionary<long, Dictionary<string, long>> _counts = [];
    private long _first = long.MaxValue;
    private long _last = long.MinValue;

    /// <summary>Milliseconds of a step.</summary>
    public long Step { get; private set; } = s_steps[0];

    /// <summary>Whether there is anything.</summary>
    public bool IsEmpty => _counts.Count == 0;

    /// <summary>When the first step begins, in milliseconds since 1970.</summary>
    public long Start => _first * Step;

    /// <summary>How many steps there are.</summary>
    public int Length => IsEmpty ? 0 : (int)(_last - _first + 1);

    /// <summary>Counts one of a series at a time in milliseconds since 1970.</summary>
    public void Add(long milliseconds, string series)
    {
        long step = milliseconds / Step;
        while (Math.Max(_last, step) - Math.Min(_first, step) >= Most)
        {
            Coarsen();
            step = milliseconds / Step;
        }

        Add(step, series, 1);
    }

    /// <summary>The counts of a series, one for each step.</summary>
    public long[] Of(string series)
    {
        long[] values = new long[Length];
        foreach ((long step, Dictionary<string, long> counts) in _counts)
        {
            values[step - _first] = counts.GetValueOrDefault(series);
        }

        return values;
    }

    private void Add(long step, string series, long count)
    {
        _first = Math.Min(_first, step);
        _last = Math.Max(_last, step);
        if (!_counts.TryGetValue(step, out Dictionary<string, long>? counts))
        {
            _counts[step] = counts = [];
        }

        counts[series] = counts.GetValueOrDefault(series) + count;
    }

    private void Coarsen()
    {
        int next = Array.IndexOf(s_steps, Step) + 1;
        long wider = next > 0 && next < s_steps.Length ? s_steps[next] : 2 * Step;
        long times = wider / Step;
        Step = wider;
        KeyValuePair<long, Dictionary<string, long>>[] before = [.. _counts];
        _counts.Clear();
        if (before.Length > 0)
        {
            (_first, _last) = (_first / times, _last / times);
        }

        foreach ((long step, Dictionary<string, long> counts) in before)
        {
            foreach ((string series, long count) in counts)
            {
                Add(step / times, series, count);
            }
        }
    }
}

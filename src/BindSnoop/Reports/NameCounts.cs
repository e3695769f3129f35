namespace BindSnoop.Reports;

/// <summary>What is counted apart.</summary>
internal enum Counted
{
    /// <summary>Binds that succeeded.</summary>
    Bind,

    /// <summary>Calls that failed.</summary>
    Failure,

    /// <summary>Calls of listen() that succeeded.</summary>
    Listen,

    /// <summary>Accepted connections.</summary>
    Accept,

    /// <summary>Sockets that let go of their port.</summary>
    Release,
}

/// <summary>
/// Counts by name. Others choose the names, so only so many are kept: when there are twice as many, those with the lowest
/// counts are folded into <see cref="Others"/>.
/// </summary>
internal sealed class NameCounts(int most)
{
    private readonly Dictionary<string, long[]> _counts = new(StringComparer.Ordinal);

    /// <summary>What was counted under names that are no longer kept.</summary>
    public long Others { get; private set; }

    /// <summary>How many names are kept.</summary>
    public int Count => _counts.Count;

    /// <summary>The counts of a name by <see cref="Counted"/>.</summary>
    public void Add(string name, Counted what, long count = 1)
    {
        if (!_counts.TryGetValue(name, out long[]? counts))
        {
            if (_counts.Count == 2 * most)
            {
                Fold();
            }

            _counts[name] = counts = new long[Enum.GetValues<Counted>().Length];
        }

        counts[(int)what] += count;
    }

    /// <summary>The names with the highest counts, highest first.</summary>
    public IReadOnlyList<(string Name, long[] Counts)> Top(int number) =>
        [.. _counts.OrderByDescending(c => c.Value.Sum()).ThenBy(c => c.Key, StringComparer.Ordinal).Take(number).Select(c => (c.Key, c.Value))];

    private void Fold()
    {
        foreach ((string name, long[] counts) in _counts.OrderBy(c => c.Value.Sum()).Take(most).ToList())
        {
            Others += counts.Sum();
            _counts.Remove(name);
        }
    }
}

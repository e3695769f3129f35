using System.Collections.Concurrent;

namespace BindSnoop.Names;

/// <summary>
/// Answers of the machine, each believed for a while, and failures to get one, believed for a shorter while:
/// a name that is given or changed later is noticed within that time. It is bounded, and safe from any thread.
/// </summary>
/// <param name="capacity">How many keys it holds.</param>
/// <param name="trust">How long an answer is believed; <see cref="Timeout.InfiniteTimeSpan"/> where it cannot change.</param>
/// <param name="failureTrust">How long a failure is; by default a second.</param>
/// <param name="keepLast">Whether the last answer stays in force when asking again fails: for keys that never mean anything else.</param>
/// <param name="now">The clock in milliseconds, for tests.</param>
internal sealed class LookUpCache<TKey, TValue>(
    int capacity, TimeSpan trust, TimeSpan? failureTrust = null, bool keepLast = false, Func<long>? now = null)
    where TKey : notnull
    where TValue : class
{
    private readonly ConcurrentDictionary<TKey, (TValue? Value, long Until)> _entries = new();
    private readonly long _trust = trust == Timeout.InfiniteTimeSpan ? long.MaxValue : (long)trust.TotalMilliseconds;
    private readonly long _failureTrust = (long)(failureTrust ?? TimeSpan.FromSeconds(1)).TotalMilliseconds;

    private long Now => now is null ? Environment.TickCount64 : now();

    /// <summary>What is believed of a key, null being a failure; false where it has to be asked for.</summary>
    public bool TryGet(TKey key, out TValue? value)
    {
        bool known = _entries.TryGetValue(key, out (TValue? Value, long Until) entry);
        value = entry.Value;
        return known && (entry.Until == long.MaxValue || Now < entry.Until);
    }

    /// <summary>Remembers an answer, or null for a failure, and returns what to believe from now on.</summary>
    public TValue? Remember(TKey key, TValue? answer)
    {
        if (answer is null && keepLast && _entries.TryGetValue(key, out (TValue? Value, long Until) last))
        {
            answer = last.Value;
        }

        // All of it, for to find the oldest takes longer than to ask again; only a flood of keys gets here.
        if (_entries.Count >= capacity)
        {
            _entries.Clear();
        }

        long trusted = answer is null ? _failureTrust : _trust;
        _entries[key] = (answer, trusted == long.MaxValue ? long.MaxValue : Now + trusted);
        return answer;
    }
}

namespace BindSnoop.Records;

/// <summary>Converts a record's own time to the clock's: it continues when the clock is set and while nothing records.</summary>
internal sealed class RecordTimeline
{
    private readonly List<(long Since, long Utc, long Doubt)> _clock = [];

    public RecordTimeline(RecordDatabase database)
    {
        using RecordStatement clock = database.Prepare("SELECT since, utc, doubt FROM clock ORDER BY since");
        while (clock.Step())
        {
            _clock.Add((clock.Number(0), clock.Number(1), clock.Number(2)));
        }
    }

    /// <summary>The clock's time, in microseconds of UTC since 1970.</summary>
    public long ToUtc(long time)
    {
        int index = _clock.FindLastIndex(c => c.Since <= time) is >= 0 and int found ? found : 0;
        return _clock.Count > 0 ? _clock[index].Utc + (time - _clock[index].Since) : time;
    }

    /// <summary>The clock's time, as local time.</summary>
    public DateTime ToLocal(long time)
    {
        long utc = ToUtc(time);
        return utc > -DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerMicrosecond && utc < (DateTime.MaxValue - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond
            ? DateTime.UnixEpoch.AddTicks(utc * TimeSpan.TicksPerMicrosecond).ToLocalTime()
            : DateTime.MinValue;
    }

    /// <summary>
    /// When the clock showed that: once, several times where it was set back, never where it was set forward over it. Not sure is
    /// what lies between two looks at the clock of which the later found that it had been set.
    /// </summary>
    /// <param name="utc">Microseconds of UTC since 1970.</param>
    public IEnumerable<(long Time, bool IsSure)> Find(long utc)
    {
        for (int i = 0; i < _clock.Count; i++)
        {
            long time = _clock[i].Since + (utc - _clock[i].Utc);
            long next = i + 1 < _clock.Count ? _clock[i + 1].Since : long.MaxValue;

            // What was before the first belongs to it, too.
            if ((time >= _clock[i].Since - _clock[i].Doubt || i == 0) && time < next)
            {
                yield return (time, (time >= _clock[i].Since || i == 0) && (next == long.MaxValue || time < next - _clock[i + 1].Doubt));
            }
        }
    }

    /// <summary>The first time from which on the clock showed at least that.</summary>
    public long FindFrom(long utc) => Find(utc).Select(f => f.Time).Concat(_clock.Where(c => c.Utc >= utc).Select(c => c.Since - c.Doubt)).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>The last time until which the clock showed at most that.</summary>
    public long FindUntil(long utc) =>
        Find(utc).Select(f => f.Time).Concat(_clock.Zip(_clock.Skip(1)).Where(c => c.First.Utc + (c.Second.Since - c.First.Since) <= utc).Select(c => c.Second.Since - 1))
            .DefaultIfEmpty(long.MinValue).Max();
}

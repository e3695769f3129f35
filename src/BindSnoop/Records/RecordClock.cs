using BindSnoop.Host;

namespace BindSnoop.Records;

/// <summary>
/// The record's time, in microseconds that continue whatever happens to the clock, and its UTC: the rows of <c>clock</c>.
/// </summary>
internal sealed class RecordClock
{
    private const long Tolerance = 200;

    private readonly RecordDatabase _database;
    private long _since;
    private long _utc;

    /// <summary>Continues a record's time; in a later boot, after the last time written.</summary>
    /// <param name="before">The run before.</param>
    /// <param name="sameBoot">Whether the machine has been up since.</param>
    /// <param name="kernelTime">Now, in nanoseconds since the machine booted.</param>
    /// <param name="utc">Now, in microseconds since 1970.</param>
    public RecordClock(RecordDatabase database, in RecordRun before, bool sameBoot, long kernelTime, long utc)
    {
        _database = database;
        using (RecordStatement clock = database.Prepare("SELECT since, utc FROM clock ORDER BY since DESC LIMIT 1"))
        {
            if (clock.Step())
            {
                (_since, _utc) = (clock.Number(0), clock.Number(1));
            }
        }

        if (sameBoot)
        {
            Base = before.Base;
            return;
        }

        long boot = utc - (kernelTime / 1000);
        Base = before.Id == 0 ? 0 : before.Alive + Math.Max(1, boot - ToUtc(before.Alive));
        Set(Base, boot, doubt: Base - before.Alive);
    }

    /// <summary>Both clocks, the kernel's in nanoseconds since boot and UTC in microseconds since 1970; false if they could not be read at the same moment.</summary>
    public static bool Read(out long kernelTime, out long utc)
    {
        const long Close = 50_000;
        const int MostTries = 5;
        (kernelTime, utc) = (0, 0);
        long best = long.MaxValue;
        for (int tries = 0; tries < MostTries && best > Close; tries++)
        {
            long before = KernelClock.Now;
            long now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            long taken = KernelClock.Now - before;
            if (taken < best)
            {
                (best, kernelTime, utc) = (taken, before + (taken / 2), now);
            }
        }

        return best <= Close;
    }

    /// <summary>When the machine booted, in the record's time.</summary>
    public long Base { get; }

    /// <summary>A time of the kernel's clock in the record's.</summary>
    /// <param name="kernelTime">Nanoseconds since the machine booted.</param>
    public long TimeOf(long kernelTime) => Base + (kernelTime / 1000);

    /// <summary>Whether the clock shows the expected time, so was not set.</summary>
    /// <param name="now">Now, in the record's time.</param>
    /// <param name="utc">Now, in microseconds since 1970.</param>
    public bool Agrees(long now, long utc) => Math.Abs(utc - ToUtc(now)) <= Tolerance;

    /// <summary>Writes down what the clock shows from now on.</summary>
    /// <param name="since">Now, in the record's time.</param>
    /// <param name="utc">Now, in microseconds since 1970.</param>
    /// <param name="doubt">How much earlier it may have been set, in microseconds.</param>
    public void Set(long since, long utc, long doubt)
    {
        _database.Execute("INSERT OR REPLACE INTO clock(since, utc, doubt) VALUES(?1, ?2, ?3)", since, utc, doubt);
        (_since, _utc) = (since, utc);
    }

    private long ToUtc(long time) => _utc + (time - _since);
}

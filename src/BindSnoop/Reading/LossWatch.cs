namespace BindSnoop.Reading;

/// <summary>
/// Looks now and then whether more calls were lost, and says so: not before a second has passed, and while losses go
/// on after twice as long each time, up to a minute. One thread uses it.
/// </summary>
internal sealed class LossWatch(Func<TraceStatistics> read, TimeProvider time)
{
    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(1);

    private long _lastLook = time.GetTimestamp();
    private long _lastReport = time.GetTimestamp();
    private TimeSpan _interval = s_shortest;
    private long _reported;
    private bool _seenSinceLook;
    private bool _isPending;

    /// <summary>
    /// For how long to wait for an event before looking; null: until one comes, however long that takes, as without
    /// events nothing is lost.
    /// </summary>
    public TimeSpan? Patience
    {
        get
        {
            if (!_isPending)
            {
                return _seenSinceLook ? s_quiet : null;
            }

            TimeSpan left = _interval - time.GetElapsedTime(_lastReport);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>An event has come: looks, unless it has done so within the last second.</summary>
    public LossReport? LookNowAndThen()
    {
        _seenSinceLook = true;
        return time.GetElapsedTime(_lastLook) >= s_shortest ? Look() : null;
    }

    /// <summary>Looks; null if nothing is to be said yet.</summary>
    public LossReport? Look()
    {
        _lastLook = time.GetTimestamp();
        _seenSinceLook = false;
        bool mayReport = time.GetElapsedTime(_lastReport) >= _interval;
        LossReport? loss = LossReport.OfEvents(read(), isTotal: false);
        _isPending = false;
        if (loss is null || loss.Lost <= _reported)
        {
            _interval = mayReport ? s_shortest : _interval;
            return null;
        }

        if (!mayReport)
        {
            _isPending = true;
            return null;
        }

        _reported = loss.Lost;
        _lastReport = _lastLook;
        _interval = _interval * 2 < s_longest ? _interval * 2 : s_longest;
        return loss;
    }
}

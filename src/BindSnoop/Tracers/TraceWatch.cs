using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>
/// Reports lost events, changes to the filter's cgroups, and what is not remembered or not known, to the consumer of a trace.
/// Not thread-safe.
/// </summary>
/// <param name="session">Whose losses to report.</param>
/// <param name="readWarnings">Reads warnings.</param>
/// <param name="mayWarn">Whether there may be warnings although no event comes.</param>
/// <param name="hasMemory">Whether there may be others.</param>
internal sealed class TraceWatch(EventSession session, Func<IReadOnlyList<string>> readWarnings, bool mayWarn, bool hasMemory)
{
    private static readonly TimeSpan s_warningInterval = TimeSpan.FromSeconds(1);

    private readonly LossWatch _losses = new(() => ReadStatisticsIfAny(session), TimeProvider.System);
    private long _nextWarnings;

    /// <summary>Called when more calls were lost than were reported before.</summary>
    public Action<LossReport>? OnLoss { get; set; }

    /// <summary>Called with messages about cgroups and memory.</summary>
    public Action<string>? OnWarning { get; set; }

    /// <summary>For how long to wait for an event before looking; null: without end.</summary>
    // Nothing wakes who waits when a cgroup goes.
    public TimeSpan? Patience => mayWarn && !(_losses.Patience < s_warningInterval) ? s_warningInterval : _losses.Patience;

    /// <summary>An event was taken.</summary>
    public void LookNowAndThen()
    {
        Report(_losses.LookNowAndThen());
        WarnNowAndThen();
    }

    /// <summary>None came within <see cref="Patience"/>.</summary>
    public void LookWhileWaiting()
    {
        WarnNowAndThen();
        if (_losses.Patience is not null)
        {
            Report(_losses.Look());
        }
    }

    private void WarnNowAndThen()
    {
        if (!(mayWarn || hasMemory) || Environment.TickCount64 < _nextWarnings)
        {
            return;
        }

        _nextWarnings = Environment.TickCount64 + (long)s_warningInterval.TotalMilliseconds;
        try
        {
            foreach (string warning in readWarnings())
            {
                OnWarning?.Invoke(warning);
            }
        }
        catch (ObjectDisposedException)
        {
            // By another thread, which ends this one's reading.
        }
    }

    private void Report(LossReport? loss)
    {
        if (loss is not null)
        {
            OnLoss?.Invoke(loss);
        }
    }

    private static TraceStatistics ReadStatisticsIfAny(EventSession session)
    {
        try
        {
            return session.ReadStatistics();
        }
        catch (ObjectDisposedException)
        {
            // By another thread, which ends this one's reading.
            return new TraceStatistics(0, 0, 0);
        }
    }
}

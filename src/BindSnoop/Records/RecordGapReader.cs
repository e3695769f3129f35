using System.Globalization;

namespace BindSnoop.Records;

/// <summary>The gaps of a record, as rows.</summary>
/// <param name="host">The machine that was recorded.</param>
/// <param name="horizon">When the record begins, in its time.</param>
/// <param name="alive">Where it ends.</param>
internal sealed class RecordGapReader(RecordDatabase database, RecordTimeline timeline, string host, long horizon, long alive)
{
    /// <summary>What is not known between two times.</summary>
    public IEnumerable<RecordedBind> Within(long from, long until)
    {
        if (from < horizon)
        {
            DateTime begin = timeline.ToLocal(Math.Min(from, horizon));
            yield return Gap("Begin", begin, timeline.ToLocal(horizon), $"The record begins at {RecordedBind.Show(timeline.ToLocal(horizon))}: nothing before that is known.");
        }

        using (RecordStatement gaps = database.Prepare("SELECT began, ended, reason, lost FROM gap WHERE began <= ?2 AND ended >= ?1 ORDER BY began"))
        {
            gaps.Bind(from, until);
            while (gaps.Step())
            {
                DateTime begin = timeline.ToLocal(gaps.Number(0));
                DateTime end = timeline.ToLocal(gaps.Number(1));
                string reason = gaps.Text(2);
                yield return Gap(reason, begin, end, $"The record is incomplete from {RecordedBind.Show(begin)} to {RecordedBind.Show(end)}: {Explain(reason, gaps.Number(3))}.");
            }
        }

        if (until > alive)
        {
            DateTime end = timeline.ToLocal(alive);
            yield return Gap("End", end, timeline.ToLocal(until), $"The record ends at {RecordedBind.Show(end)}: nothing after that is known.");
        }
    }

    /// <summary>That the clock never showed a time.</summary>
    /// <param name="utc">In microseconds of UTC since 1970.</param>
    public RecordedBind NeverShown(long utc)
    {
        DateTime never = DateTime.UnixEpoch.AddTicks(utc * TimeSpan.TicksPerMicrosecond).ToLocalTime();
        return Gap(nameof(RecordGapReason.ClockSet), never, never, $"The clock never showed {RecordedBind.Show(never)}: it was set forward past that time.");
    }

    /// <summary>Rows that may match, because the container's name is unknown.</summary>
    public IEnumerable<RecordedBind> Unnamed(RecordMatch match)
    {
        if (match.Unnamed > 0)
        {
            yield return Gap(
                nameof(Unnamed), timeline.ToLocal(horizon), timeline.ToLocal(alive),
                string.Create(CultureInfo.InvariantCulture, $"For {match.Unnamed} calls, it is unknown whether the container made them: its name was not recorded."));
        }
    }

    private static string Explain(string reason, long lost) => reason switch
    {
        nameof(RecordGapReason.NotRunning) => "no recorder was running",
        nameof(RecordGapReason.Killed) => "the recorder was killed, or the machine lost power",
        nameof(RecordGapReason.Lost) => string.Create(CultureInfo.InvariantCulture, $"{lost} calls were lost"),
        nameof(RecordGapReason.NotWritten) => "the record could not be written, for example because the disk was full",
        nameof(RecordGapReason.ClockSet) => "the clock was set",
        nameof(RecordGapReason.Unseen) => "not all existing sockets could be seen",
        _ => "for a reason that this version does not know",
    };

    private RecordedBind Gap(string cause, DateTime begin, DateTime end, string explanation) =>
        new(RecordedBind.Gap, host, begin) { Until = end, Cause = cause, Explanation = explanation };
}

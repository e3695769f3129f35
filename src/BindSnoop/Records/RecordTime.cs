using System.Globalization;

namespace BindSnoop.Records;

/// <summary>Times as people write them.</summary>
internal static class RecordTime
{
    private static readonly string[] s_ofDay = ["H:mm", "H:mm:ss", "H:mm:ss.FFFFFF"];

    private static readonly string[] s_local =
    [
        .. new[] { "yyyy-MM-dd H:mm", "yyyy-MM-dd'T'H:mm" }.SelectMany(f => new[] { f, f + ":ss", f + ":ss.FFFFFFF" }), "yyyy-MM-dd",
    ];

    private static readonly string[] s_withOffset = [.. s_local[..^1].SelectMany(f => new[] { f + "zzz", f + "'Z'" })];

    /// <summary>Reads a time of day, which is the last such moment, or a date, a date and a time, with or without an offset from UTC.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="now">The present.</param>
    /// <returns>UTC.</returns>
    /// <exception cref="TraceException"><c>InvalidTime</c>, <c>AmbiguousTime</c>.</exception>
    public static DateTime Parse(string text, DateTimeOffset now)
    {
        string trimmed = text.Trim();
        if (DateTimeOffset.TryParseExact(trimmed, s_withOffset, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset exact))
        {
            return exact.UtcDateTime;
        }

        if (DateTime.TryParseExact(trimmed, s_local, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime local))
        {
            return ToUtc(local, text);
        }

        if (DateTime.TryParseExact(trimmed, s_ofDay, CultureInfo.InvariantCulture, DateTimeStyles.NoCurrentDateDefault, out DateTime ofDay))
        {
            DateTime today = now.LocalDateTime.Date + ofDay.TimeOfDay;
            return ToUtc(today > now.LocalDateTime ? today.AddDays(-1) : today, text);
        }

        throw new TraceException(
            "InvalidTime",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is not a time.",
            "Give a time such as 03:12, 03:12:07.5, 2026-11-26, '2026-11-26 03:12' or 2026-11-26T03:12:07+01:00.",
            text);
    }

    private static DateTime ToUtc(DateTime local, string text)
    {
        string? wrong = TimeZoneInfo.Local.IsInvalidTime(local) ? "does not exist: the clocks were set forward past it"
            : TimeZoneInfo.Local.IsAmbiguousTime(local) ? "happened twice, because the clocks were set back"
            : null;
        return wrong is null
            ? TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), TimeZoneInfo.Local)
            : throw new TraceException(
                "AmbiguousTime", TraceErrorKind.InvalidArgument, $"'{DisplayText.Escape(text)}' {wrong}.", "Add the offset from UTC, as in 2026-10-25T02:30+01:00.", text);
    }
}

using System.Globalization;

namespace BindSnoop.Reports;

/// <summary>The sections of a report's page on calls: how many, when, which failed, and whose.</summary>
internal sealed class CallSections(BindReport report, PageWriter page)
{
    private const int MostOwn = 3;

    private static readonly (Counted What, string One)[] s_tiles =
    [
        (Counted.Bind, "binds"),
        (Counted.Failure, "failed calls"),
        (Counted.Listen, "calls of listen()"),
        (Counted.Accept, "accepted connections"),
        (Counted.Release, "released ports"),
    ];

    public void WriteSummary()
    {
        page.Begin("summary", "Summary");
        if (report.Lost > 0)
        {
            page.Html.Add($"<p class=\"warning\"><strong>{report.Lost} calls were lost</strong> and are not in the figures of this page: see <a href=\"#sources\">what is missing</a>.</p>\n");
        }

        if (report.Gaps > 0)
        {
            page.Html.Add($"<p class=\"warning\"><strong>{report.Gaps} periods are recorded incompletely</strong>. The figures of this page may lack calls from these periods: see <a href=\"#sources\">what is missing</a>.</p>\n");
        }

        if (!report.HasLost && report.Missing.Count > 0)
        {
            page.Html.AddOwn("<p class=\"warning\">This page does not show everything: see <a href=\"#sources\">what is missing</a>.</p>\n");
        }

        page.Html.AddOwn("<dl class=\"tiles\">\n");
        if (report.Sockets.IsGiven)
        {
            Tile(report.Sockets.Listed.LongCount(s => s.State == "Listen"), "listening sockets");
        }

        foreach ((Counted what, string one) in s_tiles.Where(c => report.Calls.Totals[(int)c.What] > 0 || (c.What <= Counted.Failure && report.Calls.EventCount > 0)))
        {
            Tile(report.Calls.Totals[(int)what], one, what == Counted.Failure && report.Calls.Totals[(int)what] > 0);
        }

        if (report.Calls.KernelCount > 0)
        {
            Tile(report.Calls.KernelCount, "binds counted in the kernel");
        }

        if (report.Calls.ExistingCount > 0)
        {
            Tile(report.Calls.ExistingCount, "sockets found already bound");
        }

        if (report.Calls.EventCount > 0)
        {
            Tile(report.Calls.Programs.Count, "programs");
        }

        if (report.Judgement.Policy is not null || report.Judgement.ViolationCount > 0)
        {
            Tile(report.Judgement.ViolationCount, "policy violations", report.Judgement.ViolationCount > 0);
        }

        page.Html.AddOwn("</dl>\n");
        page.End();
    }

    public void WriteTimeline()
    {
        page.Begin("timeline", "Timeline");
        if (report.Calls.Timeline.IsEmpty)
        {
            page.Html.AddOwn("<p>None of the events has a time.</p>\n");
            page.End();
            return;
        }

        (Counted What, string Heading, long[] Values)[] series =
            [.. ReportData.Series(report).Select(c => (c.What, c.Heading, report.Calls.Timeline.Of(c.What.ToString())))];
        string sums = string.Join(", ", series.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Heading}: {s.Values.Sum():N0}")));
        page.Html.Add($"<figure><figcaption>Calls in each {PageWriter.StepText(report.Calls.Timeline.Step)}.</figcaption><div class=\"chart\" id=\"chart-timeline\" role=\"img\" aria-label=\"Calls over time. {sums}. The table below has the values.\"></div></figure>\n");
        WriteSteps("Timeline as a table", report.Calls.Timeline, [.. series.Select(s => (s.Heading, s.Values))]);
        page.End();
    }

    public void WriteFailures()
    {
        page.Begin("failures", "Failures by cause");
        if (report.Calls.Failures.Count == 0)
        {
            page.Html.AddOwn(report.Calls.EventCount == 0 ? "<p>No events were given.</p>\n" : "<p>There are no failed calls among the events. Only traces that include failed calls record them.</p>\n");
            page.End();
            return;
        }

        KeyValuePair<string, ReportFailures>[] failures = [.. report.Calls.Failures.OrderByDescending(f => f.Value.Count).ThenBy(f => f.Key, StringComparer.Ordinal)];
        if (!report.Calls.Causes.IsEmpty)
        {
            page.Html.Add($"<figure><figcaption>Failures in each {PageWriter.StepText(report.Calls.Causes.Step)}, by cause.</figcaption><div class=\"chart\" id=\"chart-causes\" role=\"img\" aria-label=\"Failures over time by cause. The tables below have the values.\"></div></figure>\n");
            WriteSteps("Failures over time as a table", report.Calls.Causes, [.. failures.Take(ReportData.MostListed).Select(f => (f.Key, report.Calls.Causes.Of(f.Key)))]);
        }

        page.BeginTable("Failures by cause", "Cause", "#Failures", "In the way", "Ports", "Programs", "Last", "Explanation of the last");
        foreach ((string cause, ReportFailures found) in failures)
        {
            page.Row(
                cause,
                new Bar(found.Count, found.Count, failures[0].Value.Count),
                Highest(found.Holders),
                Highest(found.Endpoints),
                Highest(found.Programs),
                page.Time(found.Last),
                found.Explanation);
        }

        page.EndTable();
        page.End();
    }

    public void WriteTops()
    {
        page.Begin("top", "Most active");
        page.Html.AddOwn("<div class=\"columns\">\n");
        WriteTop("Programs", "Program", "(no name)", report.Calls.Programs);
        WriteTop("Ports", "Port", "", report.Calls.Ports);
        WriteTop("Users", "User", "(unknown)", report.Calls.Users);
        WriteTop("Containers and units", "Container or unit", "(none, or unknown)", report.Calls.Owners);
        page.Html.AddOwn("</div>\n");
        page.End();
    }

    public void WriteEvents(int listed)
    {
        page.Begin("events", "Events");
        if (report.Calls.EventCount == 0)
        {
            page.Html.AddOwn("<p>No events were given.</p>\n");
        }
        else
        {
            if (listed < report.Calls.EventCount)
            {
                page.Html.Add($"<p class=\"warning\">The last {listed} of {report.Calls.EventCount} events are listed. All other sections count all of them.</p>\n");
            }

            page.Html.AddOwn("<div id=\"event-list\"></div>\n");
        }

        page.End();
    }

    private static string[] Highest(NameCounts counts) =>
    [
        .. counts.Top(MostOwn).Select(c => string.Create(CultureInfo.InvariantCulture, $"{(c.Name.Length > 0 ? c.Name : "(no name)")} × {c.Counts.Sum():N0}")),
        .. counts.Count > MostOwn ? [string.Create(CultureInfo.InvariantCulture, $"and {counts.Count - MostOwn:N0} more")] : Array.Empty<string>(),
    ];

    private void Tile(long value, string what, bool isBad = false) => page.Html.Add($"<div class=\"{(isBad ? "tile bad" : "tile")}\"><dt>{what}</dt><dd>{value}</dd></div>\n");

    private void WriteSteps(string summary, Timeline timeline, (string Heading, long[] Values)[] series)
    {
        page.Html.Add($"<details><summary>{summary}</summary>\n");
        page.BeginTable(summary, ["From", .. series.Select(s => $"#{s.Heading}")]);
        for (int i = 0; i < timeline.Length; i++)
        {
            if (series.Any(s => s.Values[i] > 0))
            {
                page.Row([page.Time(timeline.Start + (i * timeline.Step)), .. series.Select(object (s) => s.Values[i])]);
            }
        }

        page.EndTable();
        page.Html.AddOwn("</details>\n");
    }

    private void WriteTop(string title, string heading, string none, NameCounts counts)
    {
        page.Html.Add($"<div><h3>{title}</h3>\n");
        IReadOnlyList<(string Name, long[] Counts)> top = counts.Top(ReportData.MostListed);
        if (top.Count == 0)
        {
            page.Html.AddOwn("<p>No calls were given.</p></div>\n");
            return;
        }

        page.BeginTable(title, heading, "#Calls", "#Failed");
        long most = top[0].Counts.Sum();
        foreach ((string name, long[] values) in top)
        {
            long failed = values[(int)Counted.Failure];
            page.Row(name.Length > 0 ? name : none, new Bar(values.Sum(), failed, most), failed);
        }

        page.EndTable();
        page.Rest(counts.Count - top.Count, "are not listed");
        if (counts.Others > 0)
        {
            page.Html.Add($"<p class=\"rest\">{counts.Others} calls under rare names are not counted here: only the most frequent names are kept.</p>\n");
        }

        page.Html.AddOwn("</div>\n");
    }
}

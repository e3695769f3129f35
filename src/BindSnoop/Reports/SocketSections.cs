using System.Globalization;

namespace BindSnoop.Reports;

/// <summary>The sections of a report about sockets, new ports, policy violations and the page's sources.</summary>
internal sealed class SocketSections(BindReport report, PageWriter page)
{
    private const int FirstUnprivilegedPort = 1024;

    public void WriteSockets()
    {
        page.Begin("sockets", "What listens, and for whom");
        if (!report.Sockets.IsGiven)
        {
            page.Html.AddOwn("<p>No sockets were given.</p>\n");
            page.End();
            return;
        }

        page.BeginTable("Sockets", "Protocol", "Address", "#Port", "Service", "State", "Programs", "User", "Container or unit", "#Backlog", "Network");
        foreach (ReportSocket socket in report.Sockets.Listed.OrderBy(s => s.State != "Listen"))
        {
            page.Row(
                socket.Protocol,
                socket.Address,
                socket.Port,
                socket.Service,
                socket.State,
                socket.Programs,
                socket.User,
                socket.Owner,
                socket.Backlog is { } backlog ? string.Create(CultureInfo.InvariantCulture, $"{backlog}{(socket.BacklogLimit is { } limit ? $" of {limit}" : "")}") : "",
                socket.Network);
        }

        page.EndTable();
        page.Rest(report.Sockets.Count - report.Sockets.Listed.Count, "sockets are not listed");
        page.End();
    }

    public void WriteOpened()
    {
        page.Begin("opened", "Privileged and new ports");
        page.Html.AddOwn("<p>Privileged: ports below 1024. New: ports that a program requested and got, or listened on, while events were recorded.</p>\n");
        HashSet<string> held = [.. report.Sockets.Listed.Select(s => s.Inode).Where(i => i.Length > 0)];
        HashSet<string> opened = [.. report.Calls.Opened.Values.SelectMany(o => o.Inodes)];
        ReportSocket[] privileged = [.. report.Sockets.Listed.Where(s => s.Port is > 0 and < FirstUnprivilegedPort && !opened.Contains(s.Inode))];
        if (privileged.Length + report.Calls.Opened.Count == 0)
        {
            page.Html.AddOwn("<p>There are none.</p>\n");
            page.End();
            return;
        }

        page.BeginTable("Privileged and new ports", "Why", "Protocol", "Address", "#Port", "Program", "User", "Container or unit", "First seen", "#Times", "Still there");
        foreach (ReportSocket socket in privileged)
        {
            page.Row("privileged", socket.Protocol, socket.Address, socket.Port, socket.Programs, socket.User, socket.Owner, "", "", "yes");
        }

        foreach ((ReportClaim claim, ReportOpened found) in report.Calls.Opened.OrderBy(o => o.Key.Port >= FirstUnprivilegedPort).ThenByDescending(o => o.Value.First))
        {
            page.Row(
                claim.Port < FirstUnprivilegedPort ? "privileged, new" : "new",
                claim.Protocol,
                claim.Address,
                claim.Port,
                claim.Caller.Program,
                claim.Caller.User,
                claim.Caller.Owner,
                page.Time(found.First),
                found.Count,
                !report.Sockets.IsGiven ? "not known" : found.Inodes.Overlaps(held) ? "yes" : "no");
        }

        page.EndTable();
        page.Rest(report.Calls.NotOpened, "binds of other new ports are not listed");
        page.End();
    }

    public void WriteViolations()
    {
        page.Begin("violations", "Policy violations");
        if (report.Judgement.Policy is { } policy)
        {
            page.Html.Add($"<p>{report.Judgement.Calls!.ToString()} were judged by the policy {DisplayText.EscapeUnsafe(policy.Source)}.</p>\n");
            foreach (BindPolicyCall call in report.Judgement.Calls!.Missing)
            {
                page.Html.Add($"<p class=\"warning\">{JudgedCalls.IsMissing(call).Message}</p>\n");
            }

            if (report.Judgement.NotJudged > 0)
            {
                page.Html.Add($"<p class=\"warning\">{report.Judgement.NotJudged} could not be judged: the policy checks values that they do not have.</p>\n");
            }
        }
        else if (report.Judgement.ViolationCount == 0)
        {
            page.Html.AddOwn("<p>No policy was given.</p>\n");
        }

        if (report.Judgement.ViolationCount > 0)
        {
            page.BeginTable("Policy violations", "Reason", "#Times", "Program", "User", "Container or unit", "Protocol", "Address", "Port", "Result");
            long most = report.Judgement.Violations.Values.Max();
            foreach ((ReportViolation violation, long count) in report.Judgement.Violations.OrderByDescending(v => v.Value))
            {
                page.Row(
                    violation.Reason,
                    new Bar(count, count, most),
                    violation.Program,
                    violation.User,
                    violation.Owner,
                    violation.Protocol,
                    violation.Address,
                    violation.Port == 0 ? "of the kernel's choice" : violation.Port,
                    violation.Error.Length > 0 ? violation.Error : "succeeded");
            }

            page.EndTable();
            page.Rest(report.Judgement.ViolationCount - report.Judgement.Violations.Values.Sum(), "violations are not listed");
        }
        else if (report.Judgement.Policy is not null)
        {
            page.Html.AddOwn(report.HasLost || report.Judgement.NotJudged > 0
                ? "<p class=\"warning\">None was found, but some binds are unknown or were not judged: see <a href=\"#sources\">what is missing</a>.</p>\n"
                : "<p>There are none.</p>\n");
        }

        page.End();
    }

    public void WriteSources()
    {
        page.Begin("sources", "Sources of this page, and what is missing");
        page.Html.AddOwn("<ul>\n");
        foreach (string source in report.Sources)
        {
            page.Html.Add($"<li>{source}</li>\n");
        }

        page.Html.AddOwn("</ul>\n");
        if (report.Missing.Count > 0)
        {
            page.Html.AddOwn("<p>Missing:</p>\n<ul>\n");
            foreach (string missing in report.Missing)
            {
                page.Html.Add($"<li>{missing}</li>\n");
            }

            page.Html.AddOwn("</ul>\n");
            page.Rest(report.MissingRest, "are not listed");
        }

        page.Html.AddOwn("<p>Events from files and pipelines do not include what their trace lost or left out. The trace itself reported those.</p>\n");
        page.End();
    }
}

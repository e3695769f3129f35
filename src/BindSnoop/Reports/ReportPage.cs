using System.Globalization;
using System.Text;

namespace BindSnoop.Reports;

/// <summary>
/// Writes a report as one HTML page that loads nothing. Its policy lets a browser run the page's own scripts alone, by
/// their hashes; what others chose is encoded where it stands, and the scripts put it on the page as text.
/// </summary>
internal sealed class ReportPage(BindReport report)
{
    /// <summary>How every such file begins.</summary>
    public const string Beginning = "<!DOCTYPE html>\n<!-- A report of BindSnoop. -->\n";

    private const string Charts = "uPlot.iife.min.js";
    private const string Script = "report.js";
    private const string ChartStyles = "uPlot.min.css";
    private const string Styles = "report.css";

    private static readonly (string Id, string Name)[] s_sections =
    [
        ("summary", "Summary"),
        ("timeline", "Timeline"),
        ("failures", "Failures"),
        ("sockets", "Listening"),
        ("opened", "Privileged and new"),
        ("violations", "Policy"),
        ("top", "Most active"),
        ("events", "Events"),
        ("sources", "What is missing"),
    ];

    private readonly PageWriter _page = new(report.Made.Offset);

    /// <summary>The page as UTF-8.</summary>
    public byte[] Write()
    {
        ReportData data = new(report);
        CallSections calls = new(report, _page);
        SocketSections sockets = new(report, _page);
        WriteHead();
        calls.WriteSummary();
        calls.WriteTimeline();
        calls.WriteFailures();
        sockets.WriteSockets();
        sockets.WriteOpened();
        sockets.WriteViolations();
        calls.WriteTops();
        calls.WriteEvents(data.Listed);
        sockets.WriteSources();
        _page.Html.AddOwn("</main>\n<footer><p>");
        _page.Html.Add($"Made by BindSnoop {BindReport.Version}. Charts by uPlot 1.6.32.</p>\n<details><summary>License of uPlot</summary><pre>{Asset("uPlot.LICENSE")}</pre></details></footer>\n");
        _page.Html.AddOwn($"<script type=\"application/json\" id=\"data\">{data.Json}</script>\n<script>{Asset(Charts)}</script>\n<script>{Asset(Script)}</script>\n</body>\n</html>\n");
        return Encoding.UTF8.GetBytes(_page.Html.ToString());
    }

    private static string Asset(string name)
    {
        using StreamReader reader = new(typeof(ReportPage).Assembly.GetManifestResourceStream($"report/{name}")!);
        return reader.ReadToEnd();
    }

    /// <summary>As a source of the policy; computed by the build.</summary>
    private static string Hash(string name) => $"'sha256-{Asset($"{name}.sha256").TrimEnd()}'";

    private void WriteHead()
    {
        string policy = $"default-src 'none'; script-src {Hash(Charts)} {Hash(Script)}; style-src {Hash(ChartStyles)} {Hash(Styles)}; " +
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
        _page.Html.AddOwn($"{Beginning}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n");
        _page.Html.AddOwn("<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
        _page.Html.Add($"<title>{report.Title}</title>\n");
        _page.Html.AddOwn($"<style>{Asset(ChartStyles)}</style>\n<style>{Asset(Styles)}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n");
        _page.Html.Add($"<h1>{report.Title}</h1>\n<p>{Span()}. Times are those of UTC{Offset()}.</p>\n</header>\n");
        _page.Html.AddOwn("<nav aria-label=\"Sections\"><ul>");
        foreach ((string id, string name) in s_sections)
        {
            _page.Html.Add($"<li><a href=\"#{id}\">{name}</a></li>");
        }

        _page.Html.AddOwn("</ul></nav>\n<main id=\"main\">\n<noscript><p class=\"warning\">Charts, sorting, filters and the list of events need JavaScript.</p></noscript>\n");
    }

    private string Offset()
    {
        TimeSpan offset = report.Made.Offset;
        return offset == TimeSpan.Zero ? "" : $"{(offset < TimeSpan.Zero ? '−' : '+')}{offset:hh\\:mm}";
    }

    private string Span() => report.Calls.First is { } first
        ? $"From {_page.Time(first)} to {_page.Time(report.Calls.Last)}"
        : $"Made on {report.Made.ToString("yyyy-MM-dd 'at' HH:mm:ss", CultureInfo.InvariantCulture)}";
}

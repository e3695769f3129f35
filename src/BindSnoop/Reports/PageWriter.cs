using System.Globalization;

namespace BindSnoop.Reports;

/// <summary>The parts that all sections of a report share.</summary>
/// <param name="offset">What times are shown in, from UTC.</param>
internal sealed class PageWriter(TimeSpan offset)
{
    private const int MostUnbroken = 24;

    public Html Html { get; } = new();

    public static string StepText(long milliseconds) => milliseconds switch
    {
        < 1000 => $"{(milliseconds / 1000.0).ToString(CultureInfo.InvariantCulture)} seconds",
        1000 => "second",
        < 60_000 => $"{milliseconds / 1000} seconds",
        60_000 => "minute",
        < 3_600_000 => $"{milliseconds / 60_000} minutes",
        3_600_000 => "hour",
        < 86_400_000 => $"{milliseconds / 3_600_000} hours",
        86_400_000 => "day",
        _ => $"{milliseconds / 86_400_000} days",
    };

    public string Time(long? milliseconds) => milliseconds is { } time
        ? DateTimeOffset.FromUnixTimeMilliseconds(time).ToOffset(offset).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
        : "";

    public void Begin(string id, string heading) => Html.Add($"<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{heading}</h2>\n");

    public void End() => Html.AddOwn("</section>\n");

    /// <summary>A table that the script makes sortable; a heading that begins with # is above numbers.</summary>
    public void BeginTable(string label, params ReadOnlySpan<string> headings)
    {
        Html.Add($"<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\"><table class=\"data\"><thead><tr>");
        foreach (string heading in headings)
        {
            if (heading.StartsWith('#'))
            {
                Html.Add($"<th scope=\"col\" class=\"n\">{heading[1..]}</th>");
            }
            else
            {
                Html.Add($"<th scope=\"col\">{heading}</th>");
            }
        }

        Html.AddOwn("</tr></thead><tbody>\n");
    }

    public void EndTable() => Html.AddOwn("</tbody></table></div>\n");

    public void Row(params ReadOnlySpan<object?> cells)
    {
        Html.AddOwn("<tr>");
        foreach (object? cell in cells)
        {
            switch (cell)
            {
                case long number:
                    Html.Add($"<td class=\"n\" data-v=\"{number:D}\">{number}</td>");
                    break;
                case int port:
                    Html.Add($"<td class=\"n\" data-v=\"{port:D}\">{port:D}</td>");
                    break;
                case Bar bar:
                    Html.Add($"<td class=\"b\" data-v=\"{bar.Value:D}\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">");
                    Html.Add($"<rect class=\"ok\" width=\"{100.0 * (bar.Value - bar.Failed) / Math.Max(1, bar.Most):F1}\" height=\"10\"/>");
                    Html.Add($"<rect class=\"bad\" x=\"{100.0 * (bar.Value - bar.Failed) / Math.Max(1, bar.Most):F1}\" width=\"{100.0 * bar.Failed / Math.Max(1, bar.Most):F1}\" height=\"10\"/></svg><span>{bar.Value}</span></td>");
                    break;
                case IReadOnlyList<string> lines:
                    Html.AddOwn(lines.All(l => l.Length <= MostUnbroken) ? "<td>" : "<td class=\"l\">");
                    foreach (string line in lines)
                    {
                        Html.Add($"<div class=\"{(line.Length <= MostUnbroken ? "s" : "")}\">{line}</div>");
                    }

                    Html.AddOwn("</td>");
                    break;
                case string { Length: <= MostUnbroken } text:
                    Html.Add($"<td class=\"s\">{text}</td>");
                    break;
                default:
                    Html.Add($"<td>{cell as string}</td>");
                    break;
            }
        }

        Html.AddOwn("</tr>\n");
    }

    public void Rest(long number, string what)
    {
        if (number > 0)
        {
            Html.Add($"<p class=\"rest\">{number} more {what}.</p>\n");
        }
    }
}

/// <summary>A number drawn as a bar, a part of which failed.</summary>
internal sealed record Bar(long Value, long Failed, long Most);

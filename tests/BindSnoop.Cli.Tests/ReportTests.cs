using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using BindSnoop.Input;
using BindSnoop.Reports;
using Deque.AxeCore.Commons;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The page of <c>bindsnoop report</c>, in a browser.</summary>
public sealed class ReportTests(Chromium chromium) : IClassFixture<Chromium>, IDisposable
{
    // Each would do something if it got where it does not belong: HTML, attributes, comments, scripts, styles, JSON.
    private static readonly string[] s_injections =
    [
        "</script><script>pwned=1</script>", "<script>pwned=1</script>", "<img src=x onerror=pwned=1>", "\"><svg onload=pwned=1>", "'><svg onload=pwned=1>",
        "<!--<script>", "--><script>pwned=1</script>", "-->", "]]><script>pwned=1</script>", "</style><script>pwned=1</script>", "}*{display:none}",
        "</title><script>pwned=1</script>", "</textarea><img src=x onerror=pwned=1>", "\";pwned=1;//", "';pwned=1;//", "`;pwned=1;//", "${pwned=1}",
        "{{constructor.constructor('pwned=1')()}}", "javascript:pwned=1", "&lt;script&gt;pwned=1&lt;/script&gt;", "&#60;img src=x onerror=pwned=1&#62;",
        "<iframe srcdoc='<script>parent.pwned=1</script>'>", "<base href=http://192.0.2.1/>", "<meta http-equiv=refresh content=0;url=http://192.0.2.1/>",
        "<link rel=stylesheet href=http://192.0.2.1/a.css>", "<a href=javascript:pwned=1 autofocus onfocus=pwned=1>", "<table></table></table>", "</td></tr></table><h1>forged</h1>",
        "__proto__", "constructor", "toString", "\\u003cscript\\u003e", "\u2028pwned=1", "\u202eevil", "\u001b[31mred", "a\nb\rc\td", "\ud800", "%3Cscript%3E", "<b", "<", ">", "\"", "'", "&", "",
    ];

    private static readonly string[] s_programs = ["curl", "nginx", "sshd"];

    private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop-report-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Trait("Build", "Any")]
    [Fact]
    public async Task What_others_chose_is_text_and_nothing_else()
    {
        List<string> lines = [];
        foreach (string text in s_injections)
        {
            // A file may hold anything; names of programs cannot have what is not printable.
            lines.Add(JsonSerializer.Serialize(Bind(text)));
            lines.Add(JsonSerializer.Serialize(Bind("x", text)));
            lines.Add(JsonSerializer.Serialize(new { Protocol = text, Address = text, Port = 1, State = text, Comm = text, HeldBy = text, ProcessId = (int?)null, UserName = text, Unit = text, Owners = Array.Empty<object>() }));
            lines.Add(JsonSerializer.Serialize(new { Rule = text, Reason = text, Comm = text, UserName = text, Protocol = text, Address = text, Port = 1, RequestedPort = 1, ErrorName = text }));
            lines.Add(JsonSerializer.Serialize(new { Count = 3, Port = 80, Protocol = text, ErrorName = "" }));
        }

        string source = Path.Combine(_directory, "<img src=x onerror=pwned=1>.jsonl");
        await File.WriteAllLinesAsync(source, lines, TestContext.Current.CancellationToken);
        string path = Path.Combine(_directory, "report.html");
        using Tool tool = Tool.Run("report", "--title", s_injections[0], "-o", path, source);
        Assert.Equal(0, tool.WaitForEnd());
        await using OpenedPage opened = await chromium.OpenAsync(path);
        Assert.Empty(opened.Troubles);
        Assert.Equal([new Uri(path).AbsoluteUri], opened.Requests);
        Assert.Equal("undefined", await opened.Page.EvaluateExpressionAsync<string>("typeof pwned"));
        Assert.Equal(3, await opened.Page.EvaluateExpressionAsync<int>("document.scripts.length"));
        Assert.Equal(0, await opened.Page.EvaluateExpressionAsync<int>(
            "[...document.querySelectorAll('*')].filter(e => /^(img|iframe|base|link|object|embed|form|textarea)$/i.test(e.localName) || [...e.attributes].some(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value))).length"));
        Assert.Equal(s_injections[0], await opened.Page.EvaluateExpressionAsync<string>("document.querySelector('h1').textContent"));

        // Each is there, as it was given: among the most active programs only the first are, in the list all.
        await opened.Page.TypeAsync("#event-list input", "<img src=x onerror");
        await opened.Page.WaitForFunctionAsync("() => /of 9[0-9]? events|[0-9]+ of [0-9]+ events/.test(document.querySelector('#event-list .said').textContent)");
        string[] programs = await opened.TextsAsync("#event-list tbody td:nth-child(3)");
        Assert.Contains("<img src=x onerror=pwned=1>", programs);
        Assert.Contains("</td></tr></table><h1>forged</h1>", await opened.TextsAsync("#violations td:nth-child(3)"));
        Assert.Single(await opened.TextsAsync("h1"));
        Assert.Empty(opened.Troubles);
    }

    [Trait("Build", "Any")]
    [Fact]
    public async Task Charts_are_drawn_and_tables_sort_and_filter()
    {
        string path = MakePage(3000);
        await using OpenedPage opened = await chromium.OpenAsync(path);
        foreach (string chart in new[] { "chart-timeline", "chart-causes" })
        {
            Assert.True(await opened.Page.EvaluateFunctionAsync<int>(
                "id => { const c = document.querySelector(`#${id} canvas`); const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const seen = new Set(); for (let i = 0; i < p.length; i += 4) seen.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]); return seen.size; }",
                chart) > 3, $"{chart} is empty.");
        }

        // By text, by number, and back.
        string[] programs = await opened.TextsAsync("#top div > div:first-child td:first-child");
        Assert.Equal(s_programs, programs[..3].Order(StringComparer.Ordinal));
        await opened.Page.ClickAsync("#top div > div:first-child th:first-child button");
        programs = await opened.TextsAsync("#top div > div:first-child td:first-child");
        Assert.Equal(programs.Order(StringComparer.Ordinal), programs);
        Assert.Equal("ascending", await opened.Page.EvaluateExpressionAsync<string>("document.querySelector('#top th').getAttribute('aria-sort')"));
        await opened.Page.FocusAsync("#top div > div:first-child th:first-child button");
        await opened.Page.Keyboard.PressAsync("Enter");
        Assert.Equal(programs.Reverse(), await opened.TextsAsync("#top div > div:first-child td:first-child"));

        await opened.Page.ClickAsync("#event-list th:nth-child(9) button");
        int[] ports = [.. (await opened.TextsAsync("#event-list tbody td:nth-child(9)")).Select(p => int.Parse(p, CultureInfo.InvariantCulture))];
        Assert.Equal(100, ports.Length);
        Assert.Equal(ports.Order(), ports);
        await opened.Page.TypeAsync("#event-list input", "sshd");
        await opened.Page.WaitForFunctionAsync("() => document.querySelector('#event-list .said').textContent === '1000 of 3000 events.'");
        Assert.Equal(["sshd"], (await opened.TextsAsync("#event-list tbody td:nth-child(3)")).Distinct());
        await opened.Page.ClickAsync("#event-list .pages button:last-child");
        Assert.Equal(["101 to 200 of 1,000"], await opened.TextsAsync("#event-list .pages span"));

        // As they were made: 3000 binds, a tenth of which fail.
        Assert.Equal(["2,700", "300"], (await opened.TextsAsync("#summary dd"))[..2]);
        Assert.StartsWith("Listening (EADDRINUSE)", (await opened.TextsAsync("#failures table:last-of-type td"))[^7], StringComparison.Ordinal);
        Assert.Contains("web[812] (www-data, nginx.service), TCP 0.0.0.0:80, Listen × 300", await opened.TextsAsync("#failures td div"));
        Assert.Empty(opened.Troubles);
    }

    [Trait("Build", "Any")]
    [Theory]
    [InlineData(false, 1280)]
    [InlineData(true, 1280)]
    [InlineData(false, 400)]
    public async Task Nobody_is_left_out(bool dark, int width)
    {
        await using OpenedPage opened = await chromium.OpenAsync(MakePage(120), dark, width, bypassPolicy: true);
        await opened.Page.EvaluateExpressionAsync("document.querySelectorAll('details').forEach(d => { d.open = true; })");
        await opened.Page.EvaluateExpressionAsync(new BundledAxeScriptProvider().GetScript());
        JsonElement violations = await opened.Page.EvaluateExpressionAsync<JsonElement>("axe.run().then(r => r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical').map(v => `${v.id}: ${v.nodes.map(n => n.html).slice(0, 3).join(' ')}`))");
        Assert.Empty(violations.EnumerateArray().Select(v => v.GetString()));

        // Nothing but tables is wider than the window.
        Assert.True(await opened.Page.EvaluateExpressionAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
    }

    [Trait("Build", "Any")]
    [Fact]
    public async Task As_many_events_as_there_are_fit()
    {
        string path = MakePage(ReportCalls.MostEvents + 500);
        Assert.InRange(new FileInfo(path).Length, 1, 5_000_000);
        await using OpenedPage opened = await chromium.OpenAsync(path);
        Assert.Equal(["1 to 100 of 100,000"], await opened.TextsAsync("#event-list .pages span"));
        await opened.Page.ClickAsync("#event-list th:nth-child(3) button");
        Assert.Equal(["curl"], (await opened.TextsAsync("#event-list tbody td:nth-child(3)")).Distinct());
        await opened.Page.ClickAsync("#event-list th:nth-child(3) button");
        Assert.Equal(["sshd"], (await opened.TextsAsync("#event-list tbody td:nth-child(3)")).Distinct());
        Assert.Contains("The last 100,000 of 100,500 events are listed.", (await opened.TextsAsync("#events .warning"))[0], StringComparison.Ordinal);
        Assert.Equal("90,450", (await opened.TextsAsync("#summary dd"))[0]);
        Assert.Empty(opened.Troubles);
    }

    [Trait("Build", "Any")]
    [Fact]
    public void However_long_names_are_the_page_stays_small()
    {
        BindReport report = new();
        for (int i = 0; i < 60_000; i++)
        {
            report.Add(Made.Event(i, comm: Encoding.ASCII.GetBytes($"<<<<<<<<<{i:D6}"), pid: i + 1, address: $"2001:db8::{i:x}", port: (ushort)(i + 1)));
        }

        byte[] page = new ReportPage(report).Write();
        Assert.InRange(page.Length, 1, 5_000_000);
        Assert.Matches("The last [0-9,]+ of 60,000 events are listed", Encoding.UTF8.GetString(page));
    }

    [Trait("Build", "Any")]
    [Fact]
    public async Task Losses_come_first()
    {
        BindReport report = new();
        report.AddLoss(new LossReport(17, LossCause.BufferFull, "17 calls were lost in all, of 20."));
        string path = Path.Combine(_directory, "lost.html");
        new ReportFile(path).Write(report);
        await using OpenedPage opened = await chromium.OpenAsync(path);
        Assert.StartsWith("17 calls were lost", (await opened.TextsAsync("main .warning"))[0], StringComparison.Ordinal);
        Assert.Contains("17 calls were lost in all, of 20.", await opened.TextsAsync("#sources li"));
    }

    [Fact]
    public async Task What_a_trace_prints_comes_out_beside_what_listens_now()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        using Tool trace = Tool.Trace("--json", "--explain", "-p", $"{Environment.ProcessId}");
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using Native.Socket second = new("127.0.0.1");
        Assert.Equal(Native.EADDRINUSE, second.Bind(port));
        trace.WaitForLines(2);
        trace.Signal(Native.SIGINT);
        Assert.Equal(0, trace.WaitForEnd());
        string record = Path.Combine(_directory, "record.jsonl");
        await File.WriteAllLinesAsync(record, trace.Lines, TestContext.Current.CancellationToken);
        string path = Path.Combine(_directory, "report.html");
        using Tool tool = Tool.RunProgram("bash", ["-c", "\"$0\" report --sockets - <\"$1\" >\"$2\"", Tool.Path, record, path]);
        Assert.Equal(0, tool.WaitForEnd());
        await using OpenedPage opened = await chromium.OpenAsync(path);
        Assert.Contains($"TCP 127.0.0.1:{port} × 1", await opened.TextsAsync("#failures td div"));
        Assert.Contains(await opened.TextsAsync("#failures td div"), t => t.Contains($"[{Environment.ProcessId}]", StringComparison.Ordinal) && t.EndsWith($"TCP 127.0.0.1:{port}, Listen × 1", StringComparison.Ordinal));
        Assert.Contains($"{port}", await opened.TextsAsync("#sockets td:nth-child(3)"));
        Assert.Empty(opened.Troubles);
    }

    [Theory]
    [InlineData("{\"RequestedPort\":0,\"Comm\":\"a\",\"Port\":1}\n{\"Requ", 1, "cannot be read after its object 1")]
    [InlineData("{\"Comm\":\"a\"}\n[]\n{\"RequestedPort\":0}", 1, "is not an event, count, socket or violation: it has the properties of none of them. The same is true of 1 more.")]
    [InlineData("\"RequestedPort\",\"Comm\"\n\"0\",\"a\n", 0, "cannot be read after its object 0: a quotation mark is not closed")]
    [InlineData("\"RequestedPort\",\"Comm\"\r\n\"0\",\"say \"\"hi\"\", a\nb\"\r\n\r\n0,x", 2, null)]
    public void What_is_wrong_with_a_file_is_said_there_too(string content, int expected, string? problem)
    {
        string file = Path.Combine(_directory, "file");
        File.WriteAllText(file, content);
        using Tool tool = Tool.Run("report", file);
        Assert.Equal(problem is null ? 0 : 1, tool.WaitForEnd());
        string page = string.Join('\n', tool.Lines);
        Assert.Contains($"<li>{expected} objects of &#x27;{HtmlEncoder.Default.Encode(file)}&#x27;.</li>", page, StringComparison.Ordinal);
        if (problem is not null)
        {
            Assert.StartsWith("bindsnoop: warning: ", tool.Errors, StringComparison.Ordinal);
            Assert.Contains(problem, tool.Errors, StringComparison.Ordinal);
            Assert.Contains(HtmlEncoder.Default.Encode(problem), page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Only_reports_are_replaced_and_no_link_is_followed()
    {
        string path = Path.Combine(_directory, "a.html");
        using (Tool first = Tool.Run("report", "-o", path))
        {
            Assert.Equal(0, first.WaitForEnd());
        }

        using (Tool second = Tool.Run("report", "--title", "another", "-o", path))
        {
            Assert.Equal(0, second.WaitForEnd());
            Assert.Contains("<h1>another</h1>", File.ReadAllText(path), StringComparison.Ordinal);
        }

        string other = Path.Combine(_directory, "other.html");
        File.WriteAllText(other, "<!DOCTYPE html>\n<p>precious");
        using (Tool third = Tool.Run("report", "-o", other))
        {
            Assert.Equal(1, third.WaitForEnd());
            Assert.Contains("exists, and does not hold a report of BindSnoop", third.Errors, StringComparison.Ordinal);
            Assert.EndsWith("precious", File.ReadAllText(other), StringComparison.Ordinal);
        }

        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root has links that others made.");
        string open = Directory.CreateDirectory(Path.Combine(_directory, "open")).FullName;
        using Tool chmod = Tool.RunProgram("chmod", ["1777", open]);
        File.CreateSymbolicLink(Path.Combine(open, "l.html"), Path.Combine(_directory, "victim.html"));
        using Tool fourth = Tool.Run("report", "-o", Path.Combine(open, "l.html"));
        Assert.Equal(1, fourth.WaitForEnd());
        Assert.False(File.Exists(Path.Combine(_directory, "victim.html")));
    }

    [Fact]
    public async Task A_policy_finds_what_it_does_not_allow()
    {
        string policy = Path.Combine(_directory, "policy.json");
        await File.WriteAllTextAsync(policy, """{ "Default": "Allow", "Rules": [{ "Name": "no <b>ssh", "Action": "Deny", "Comm": "sshd" }] }""", TestContext.Current.CancellationToken);
        string record = Path.Combine(_directory, "r.jsonl");
        await File.WriteAllLinesAsync(record, [JsonSerializer.Serialize(Bind("sshd")), JsonSerializer.Serialize(Bind("nginx")), "{\"RequestedPort\":1,\"Comm\":\"half\"}"], TestContext.Current.CancellationToken);
        string path = Path.Combine(_directory, "report.html");
        using Tool tool = Tool.Run("report", "--policy", policy, "-o", path, record);
        Assert.Equal(0, tool.WaitForEnd());
        await using OpenedPage opened = await chromium.OpenAsync(path);
        Assert.Equal(["denied by rule 'no <b>ssh'"], await opened.TextsAsync("#violations td:first-child"));
        Assert.Equal([$"2 binds were judged by the policy {policy}.", "1 could not be judged: the policy checks values that they do not have."], await opened.TextsAsync("#violations p"));
    }

    /// <summary>A page of so many binds by three programs, a tenth of which fail.</summary>
    private string MakePage(int count)
    {
        BindReport report = new("Made");
        long start = new DateTimeOffset(2026, 11, 26, 9, 0, 0, TimeSpan.Zero).Ticks;
        for (int i = 0; i < count; i++)
        {
            bool fails = i % 10 == 0;
            Dictionary<string, object?> bind = Bind(s_programs[i % 3]);
            bind["Time"] = new DateTime(start + (i * TimeSpan.TicksPerSecond), DateTimeKind.Utc);
            bind["ProcessId"] = 300 + (i % 700);
            bind["Port"] = 1 + (i * 7 % 60_000);
            if (fails)
            {
                bind["ErrorCode"] = 98;
                bind["ErrorName"] = "EADDRINUSE";
                bind["Cause"] = "Listening";
                bind["Explanation"] = "web[812] listens on it.";
                bind["Holders"] = new[] { new { ProcessId = 812, Comm = "web", Protocol = "TCP", Address = "0.0.0.0", Port = 80, State = "Listen", UserName = "www-data", Unit = "nginx.service" } };
            }

            report.Add(new JsonRow(JsonSerializer.SerializeToElement(bind)), "it");
        }

        report.AddSource("It was made.");
        string path = Path.Combine(_directory, "made.html");
        new ReportFile(path).Write(report);
        return path;
    }

    private static Dictionary<string, object?> Bind(string comm, string? other = null) => new()
    {
        ["Time"] = "2026-11-26T09:00:00+00:00",
        ["Uid"] = 0,
        ["Gid"] = 0,
        ["UserName"] = other ?? "root",
        ["ProcessId"] = 7,
        ["Comm"] = comm,
        ["Protocol"] = other ?? "TCP",
        ["AddressFamily"] = "IPv4",
        ["Address"] = other ?? "192.0.2.1",
        ["Port"] = 22,
        ["RequestedAddress"] = other ?? "192.0.2.1",
        ["RequestedPort"] = 22,
        ["ErrorCode"] = 0,
        ["ErrorName"] = other ?? "",
        ["Cause"] = other,
        ["Explanation"] = other,
        ["Holders"] = other is null ? null : new[] { new { Comm = other, UserName = other, Unit = other, State = other, Address = other, Protocol = other, ProcessId = other } },
        ["Inode"] = 1,
        ["Unit"] = other ?? "",
        ["ContainerId"] = "",
        ["PodName"] = other,
    };
}

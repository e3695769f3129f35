using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using BindSnoop.Cli.Top;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The live screen of <c>bindsnoop top</c>, as a picture and in a real terminal (tmux).</summary>
public sealed class TopTests
{
    [Theory]
    [InlineData(80, 24)]
    [InlineData(120, 40)]
    [InlineData(40, 8)]
    public void A_picture_fits_and_shows_no_control_character(int width, int height)
    {
        TopCounts counts = new();
        for (int i = 0; i < 100; i++)
        {
            counts.Add(Made.Event(i, error: i % 3 == 0 ? 98 : 0, comm: Made.Utf8($"\e[31m界\u0007{i % 50}"), port: (ushort)(i + 1)));
        }

        counts.AddLost(3);
        TopScreen screen = new(counts);
        foreach (TopView view in Enum.GetValues<TopView>())
        {
            screen.View = view;
            string[] lines = screen.Render(width, height, colors: false).Split('\n');
            Assert.Equal(height, lines.Length);
            Assert.All(lines, l => Assert.InRange(l.EnumerateRunes().Sum(r => r.Value == '界' ? 2 : 1), 0, width));
            Assert.DoesNotContain(lines, l => l.Any(char.IsControl));
            Assert.Contains("100 calls", lines[0], StringComparison.Ordinal);
            Assert.Equal("3 calls were lost", lines[1]);
            Assert.StartsWith("q quit", lines[^1], StringComparison.Ordinal);
        }

        Assert.Contains(@"\x1b[31m界\x07", Screen(counts, TopView.Program), StringComparison.Ordinal);
        Assert.DoesNotContain('\e', Regex.Replace(new TopScreen(counts).Render(width, height, colors: true), @"\e\[[0-9;]*m", ""));
    }

    [Fact]
    public void Rows_are_counted_sorted_filtered_and_cleared()
    {
        TopCounts counts = new();
        counts.Add(Made.Event(1, comm: "web"u8.ToArray(), port: 80));
        counts.Add(Made.Event(2, comm: "web"u8.ToArray(), port: 80, error: 98));
        counts.Add(Made.Listen(3, comm: "web"u8.ToArray(), port: 80));
        counts.Add(Made.Accept(4, comm: "ssh"u8.ToArray(), localPort: 22));
        TopScreen screen = new(counts);
        Assert.Equal(["web 3 1 1 1 0", "ssh 1 0 0 0 1"], Rows(screen));
        Assert.Equal(["TCP 80 3 1 1 1 0", "TCP 22 1 0 0 0 1"], Rows(Press(screen, '\t')));
        Assert.Equal(["(none) 4 1 1 1 1"], Rows(Press(screen, '\t')));
        Press(screen, '\t');

        // Calls, binds, failed, listens, accepts.
        Assert.Equal(["ssh 1 0 0 0 1", "web 3 1 1 1 0"], Rows(Press(screen, "ssss")));
        Assert.Equal(["web 3 1 1 1 0"], Rows(Press(screen, "/WE\r")));
        Press(screen, "\e");
        Assert.Equal(2, Rows(screen).Length);
        Assert.Equal(["ssh 1 0 0 0 1"], Rows(Press(screen, "/:22\r")));
        Assert.Empty(Rows(Press(screen, "c")));
        Assert.False(screen.HasEnded);

        // While something is typed, it is no key.
        Press(screen, "/q");
        Assert.False(screen.HasEnded);
        Assert.True(Press(screen, "\rq").HasEnded);
    }

    [Fact]
    public void Names_without_end_take_memory_with_an_end()
    {
        TopCounts counts = new();
        for (int i = 0; i < 3 * TopCounts.MostRows; i++)
        {
            counts.Add(Made.Event(i, comm: Made.Utf8($"name {i}")));
            counts.Add(Made.Event(i, comm: "often"u8.ToArray()));
        }

        (IReadOnlyList<TopRow> rows, TopRow total, long forgotten) = counts.Read(TopView.Program, TopColumn.Calls, "");
        Assert.InRange(rows.Count, 1, TopCounts.MostRows);
        Assert.Equal(("often", 3 * TopCounts.MostRows), (rows[0].Name, rows[0].Counts[0]));
        Assert.Equal(total.Counts[0], rows.Sum(r => r.Counts[0]) + forgotten);
    }

    [Fact]
    public void Without_a_terminal_it_is_an_error()
    {
        using Tool tool = Tool.Run("top");
        Assert.Equal(2, tool.WaitForEnd());
        Assert.StartsWith("bindsnoop: The live screen requires a terminal", tool.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, 24, "q", "0")]
    [InlineData(120, 40, "C-c", "0")]
    [InlineData(80, 24, "TERM", "0")]
    public void In_a_terminal_it_shows_what_happens_and_gives_the_terminal_back(int width, int height, string end, string status)
    {
        Tool.RequireTracing();
        using Tmux tmux = new(width, height);
        // The last word is not to be found in the command itself, wherever that is broken into lines.
        tmux.Run($"echo before; stty -g >{tmux.Directory}/before; sh -c 'echo $$ >{tmux.Directory}/pid; exec \"$0\" top --by port -p {Environment.ProcessId}' '{Tool.Path}'; echo status $?; stty -g | cmp - {tmux.Directory}/before && echo sa''me");
        tmux.WaitFor("q quit");
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using Native.Socket second = new("127.0.0.1");
        Assert.Equal(Native.EADDRINUSE, second.Bind(port));
        using TcpClient client = new("127.0.0.1", port);
        using Socket accepted = listener.AcceptSocket();
        Assert.Matches($@"TCP {port} +3 +0 +1 +1 +1 ", tmux.WaitFor($"TCP {port} "));
        string[] lines = tmux.Capture().Split('\n');
        Assert.StartsWith("bindsnoop top: 4 calls", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("q quit", lines[height - 1], StringComparison.Ordinal);
        Assert.DoesNotContain("before", tmux.Capture(), StringComparison.Ordinal);

        // Standing still, then all that happened meanwhile.
        tmux.Press("p");
        tmux.WaitFor("PAUSED");
        using Native.Socket meanwhile = new("127.0.0.1");
        Assert.Equal(0, meanwhile.Bind(0));
        tmux.Press("p");
        tmux.WaitFor("5 calls");
        tmux.Press("Tab");
        tmux.WaitFor("CONTAINER");
        if (end == "TERM")
        {
            Native.Kill(int.Parse(File.ReadAllText(Path.Combine(tmux.Directory, "pid")), CultureInfo.InvariantCulture), Native.SIGTERM);
        }
        else
        {
            tmux.Press(end);
        }

        string after = tmux.WaitFor("same");
        Assert.Contains("before", after, StringComparison.Ordinal);
        Assert.Contains($"status {status}", after, StringComparison.Ordinal);
        Assert.DoesNotContain("CONTAINER", after, StringComparison.Ordinal);
        Assert.Equal("0 1", tmux.Format("#{alternate_on} #{cursor_flag}"));
    }

    private static string Screen(TopCounts counts, TopView view) => new TopScreen(counts) { View = view }.Render(200, 60, colors: false);

    /// <summary>The name and the counts of each row.</summary>
    private static string[] Rows(TopScreen screen) =>
    [
        .. screen.Render(80, 24, colors: false).Split('\n')[3..^1].Where(l => l.Trim().Length > 0)
            .Select(l => Regex.Match(l, @"^(\S+(?: \d+)?|\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) "))
            .Select(m => string.Join(' ', m.Groups.Values.Skip(1).Select(g => g.Value))),
    ];

    private static TopScreen Press(TopScreen screen, char key)
    {
        screen.Press(new ConsoleKeyInfo(key, key switch { '\t' => ConsoleKey.Tab, '\r' => ConsoleKey.Enter, '\e' => ConsoleKey.Escape, _ => ConsoleKey.None }, false, false, false));
        return screen;
    }

    private static TopScreen Press(TopScreen screen, string keys)
    {
        foreach (char key in keys)
        {
            Press(screen, key);
        }

        return screen;
    }

    /// <summary>A terminal of its own, without anybody's settings.</summary>
    private sealed class Tmux : IDisposable
    {
        private const int PatienceMilliseconds = 60_000;

        private readonly string _socket;

        public Tmux(int width, int height)
        {
            Assert.SkipUnless((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, "tmux"))), "There is no tmux.");
            Directory = System.IO.Directory.CreateTempSubdirectory("bindsnoop-top-").FullName;
            _socket = Path.Combine(Directory, "tmux");
            Ask("-f", "/dev/null", "new-session", "-d", "-x", $"{width}", "-y", $"{height}", "env LANG=C.UTF-8 sh");
            Ask("set", "status", "off");
            Ask("resize-window", "-x", $"{width}", "-y", $"{height}");
        }

        public string Directory { get; }

        public void Run(string command)
        {
            Ask("send-keys", "-l", command);
            Press("Enter");
        }

        public void Press(string key) => Ask("send-keys", key);

        public string Capture() => Ask("capture-pane", "-p");

        public string Format(string format) => Ask("display-message", "-p", format);

        /// <summary>Waits until the screen has it on a line, not counting the command line, and gives the screen.</summary>
        public string WaitFor(string text)
        {
            string seen = "";
            bool found = SpinWait.SpinUntil(
                () =>
                {
                    Thread.Sleep(50);
                    seen = Capture();
                    return seen.Split('\n').Any(l => l.Contains(text, StringComparison.Ordinal) && !l.Contains("echo", StringComparison.Ordinal));
                },
                PatienceMilliseconds);
            Assert.True(found, $"'{text}' does not come:\n{seen}");
            return seen;
        }

        public void Dispose()
        {
            Ask("kill-server");
            System.IO.Directory.Delete(Directory, recursive: true);
        }

        private string Ask(params string[] args)
        {
            using Tool tool = Tool.RunProgram("tmux", ["-S", _socket, .. args]);
            Assert.True(tool.WaitForEnd() == 0, $"tmux {string.Join(' ', args)}: {tool.Errors}");
            return string.Join('\n', tool.Lines);
        }
    }
}

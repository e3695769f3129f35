using System.Globalization;
using System.Text.Json;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The tool at work: real binds of this process, in the output of that one.</summary>
public sealed class TraceTests
{
    private static readonly string s_self = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    [Fact]
    public void A_bind_is_a_line_while_it_runs()
    {
        using Tool tool = Tool.Trace("-p", s_self);
        int port = BindOnce("127.0.0.1");
        tool.WaitForLines(2);
        Assert.Equal("     PID COMM         PROT ADDR            PORT   OPTS IF", tool.Lines[0]);
        Assert.Matches($"^{Environment.ProcessId,8} .{{12}} TCP  127.0.0.1       {port,5} ..... {0,2}$", tool.Lines[1]);
        tool.Signal(Native.SIGINT);
        Assert.Equal(0, tool.WaitForEnd());
    }

    [Theory]
    [InlineData(Native.SIGINT)]
    [InlineData(Native.SIGTERM)]
    [InlineData(Native.SIGHUP)]
    public void A_signal_ends_it_and_nothing_is_lost(int signal)
    {
        const int Binds = 2000;
        using Tool tool = Tool.Trace("--json", "-p", s_self);
        List<int> ports = [.. Enumerable.Range(0, Binds).Select(_ => BindOnce("127.0.0.1"))];
        tool.Signal(signal);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal(ports, tool.Json.Select(e => e.GetProperty("Port").GetInt32()));
        Assert.DoesNotContain("warning", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_duration_ends_it_and_nothing_is_lost()
    {
        using Tool tool = Tool.Trace("--json", "-p", s_self, "--duration", "1.5");
        int port = BindOnce("::1");
        Assert.Equal(0, tool.WaitForEnd());
        JsonElement bind = Assert.Single(tool.Json);
        Assert.Equal(port, bind.GetProperty("Port").GetInt32());
        Assert.Equal("::1", bind.GetProperty("Address").GetString());
    }

    [Fact]
    public void Max_events_end_it()
    {
        using Tool tool = Tool.Trace("--json", "-p", s_self, "--max-events", "3");
        for (int i = 0; i < 10; i++)
        {
            BindOnce("127.0.0.1");
        }

        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal(3, tool.Lines.Count);
    }

    [Fact]
    public void Any_comm_makes_valid_lines()
    {
        byte[][] comms = [.. JsonWriterTests.Comms.Select(c => c.Data)];
        using Tool json = Tool.Trace("--json", "-p", s_self, "--max-events", $"{comms.Length}");
        using Tool text = Tool.Trace("-p", s_self, "--max-events", $"{comms.Length}");
        foreach (byte[] comm in comms)
        {
            Thread thread = new(() =>
            {
                Native.SetComm(comm);
                BindOnce("127.0.0.1");
            });
            thread.Start();
            thread.Join();
        }

        Assert.Equal(0, json.WaitForEnd());
        Assert.Equal(comms, json.Json.Select(e => DisplayText.Unescape(e.GetProperty("Comm").GetString()!)));
        Assert.Equal(0, text.WaitForEnd());
        Assert.Equal(1 + comms.Length, text.Lines.Count);
        // Those of format are what changes the direction of text.
        Assert.DoesNotContain(string.Concat(text.Lines), c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
    }

    [Fact]
    public void Who_failed_to_get_a_port_is_found_by_the_port()
    {
        using Native.Socket first = new("127.0.0.1");
        Assert.Equal(0, first.Bind(0));
        string port = first.Port.ToString(CultureInfo.InvariantCulture);
        using Tool quiet = Tool.Trace("--json", "-p", s_self, "-P", port);
        using Tool narrow = Tool.Trace("-E", "-p", s_self, "-P", port, "--max-events", "1");
        using Tool wide = Tool.Trace("-wE", "-p", s_self, "-P", port, "--max-events", "1");
        using Tool json = Tool.Trace("-E", "--json", "-p", s_self, "-P", $"1,{port}-{port}", "--max-events", "1");
        using Native.Socket second = new("127.0.0.1");
        Assert.Equal(Native.EADDRINUSE, second.Bind(first.Port));
        Assert.Equal(0, narrow.WaitForEnd());
        Assert.Matches($"^-98 {Environment.ProcessId,8} .{{12}} TCP  127.0.0.1       {port,5} ..... {0,2}$", narrow.Lines[1]);
        Assert.Equal(0, wide.WaitForEnd());
        Assert.Matches($"^Address already in use    {Environment.ProcessId,10} .{{12}} TCP  {"127.0.0.1",-39} {port,5} ..... {0,2}$", wide.Lines[1]);
        Assert.Equal(0, json.WaitForEnd());
        Assert.Equal("EADDRINUSE", json.Json[0].GetProperty("ErrorName").GetString());
        Assert.Equal(first.Port, json.Json[0].GetProperty("RequestedPort").GetInt32());
        quiet.Signal(Native.SIGINT);
        Assert.Equal(0, quiet.WaitForEnd());
        Assert.Empty(quiet.Lines);
    }

    [Fact]
    public void Bundled_options_work()
    {
        using Tool tool = Tool.Trace("-tUu0", $"-p{s_self}", "--max-events", "1");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "The test is about root's binds.");
        BindOnce("127.0.0.1");
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal("TIME(s)      UID      PID COMM         PROT ADDR            PORT   OPTS IF", tool.Lines[0]);
        Assert.StartsWith($"0.000000       0 {Environment.ProcessId,8} ", tool.Lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--family=IPv6", "::1 0")]
    [InlineData("-4", "127.0.0.1 0")]
    [InlineData("--protocol=udp", "127.0.0.1 1")]
    [InlineData("--address=127.0.0.2", "127.0.0.2 0")]
    [InlineData("--address=127.0.0.2/31", "127.0.0.2 0")]
    [InlineData("--address=::/0", "::1 0")]
    [InlineData("--comm=bind test", "127.0.0.5 0")]
    public void Filters_pass_only_requested_calls(string filter, string expected)
    {
        using Tool tool = Tool.Trace("--json", "-p", s_self, filter);
        BindOnce("::1");
        BindOnce("127.0.0.1");
        BindOnce("127.0.0.1", Native.Datagram);
        BindOnce("127.0.0.2");
        Thread thread = new(() =>
        {
            Native.SetComm("bind test"u8.ToArray());
            BindOnce("127.0.0.5");
        });
        thread.Start();
        thread.Join();
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        string[] seen = [.. tool.Json.Select(e => $"{e.GetProperty("Address")} {(e.GetProperty("Protocol").GetString() == "UDP" ? 1 : 0)}")];
        Assert.Contains(expected, seen);
        Assert.All(seen, s => Assert.True(filter == "-4" ? !s.Contains(':') : s == expected, s));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Native.SIGINT)]
    [InlineData(Native.SIGTERM)]
    public void Counts_come_at_the_end(int? signal)
    {
        using Tool json = Tool.Trace("--count", "--json", "-p", s_self);
        // The last to start: the time it has is not to go by while others start.
        using Tool text = Tool.Trace("--count", "-p", s_self, "--duration", signal is null ? "3" : "600");
        using Native.Socket tcp = new("127.0.0.9");
        Assert.Equal(0, tcp.Bind(0));
        using Native.Socket udp = new("127.0.0.9", Native.Datagram);
        Assert.Equal(0, udp.Bind(tcp.Port));
        using Native.Socket six = new("::1");
        Assert.Equal(0, six.Bind(0));
        using Native.Socket other = new("127.0.0.8");
        Assert.Equal(0, other.Bind(tcp.Port));
        if (signal is { } number)
        {
            text.Signal(number);
        }

        Assert.Equal(0, text.WaitForEnd());
        Assert.Equal(
            [
                $"{"LADDR",-32} {"LPORT",20}     {"BINDS",-10}",
                $"{"127.0.0.9",-32} {tcp.Port,20}     {2,-10}",
                $"{"127.0.0.8",-32} {tcp.Port,20}     {1,-10}",
                $"{"::1",-32} {six.Port,20}     {1,-10}",
            ],
            text.Lines);

        json.Signal(signal ?? Native.SIGINT);
        Assert.Equal(0, json.WaitForEnd());
        Assert.Equal(["TCP", "UDP"], json.Json.Where(c => c.GetProperty("Address").GetString() == "127.0.0.9").Select(c => c.GetProperty("Protocol").GetString()).Order());
    }

    [Fact]
    public void Counts_are_summed()
    {
        string comm = File.ReadAllText("/proc/thread-self/comm").TrimEnd();
        using Tool json = Tool.Trace("--count", "--group-by", "comm,user", "--json", "-p", s_self);
        using Tool text = Tool.Trace("--count", "--group-by", "Port", "--group-by", "protocol", "-E", "-p", s_self);
        using Tool listens = Tool.Trace("listen", "--count", "--group-by", "protocol", "-p", s_self);
        using Native.Socket tcp = new("127.0.0.9");
        Assert.Equal(0, tcp.Bind(0));
        Assert.NotEqual(0, tcp.Bind(tcp.Port));
        using Native.Socket udp = new("127.0.0.8", Native.Datagram);
        Assert.Equal(0, udp.Bind(tcp.Port));
        using System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        foreach (Tool tool in new[] { json, text, listens })
        {
            tool.Signal(Native.SIGINT);
            Assert.Equal(0, tool.WaitForEnd());
        }

        System.Text.Json.JsonElement one = Assert.Single(json.Json);
        Assert.Equal(
            (3, 0, $"{comm}, root", "root", System.Text.Json.JsonValueKind.Null),
            (one.GetProperty("Count").GetInt32(), one.GetProperty("Failed").GetInt32(), one.GetProperty("Name").GetString(), one.GetProperty("UserName").GetString(), one.GetProperty("Port").ValueKind));
        int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        Assert.Equal("     BINDS    FAILED LPORT PROT", text.Lines[0]);
        Assert.Equal($"         2         1 {tcp.Port,-5} TCP", text.Lines[1]);
        Assert.Equal(
            new[] { $"         1         0 {tcp.Port,-5} UDP", $"         1         0 {port,-5} TCP" }.Order(StringComparer.Ordinal), text.Lines.Skip(2).Order(StringComparer.Ordinal));
        Assert.Equal(["   LISTENS PROT", "         1 TCP"], listens.Lines);
    }

    [Fact]
    public void Accepts_are_lines()
    {
        using System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        using Tool text = Tool.Trace("accept", "-4", "-p", s_self, $"-P{port}", "--max-events", "1");
        using Tool json = Tool.Trace("accept", "--json", "-p", s_self, "-P", $"{port}", "--max-events", "1");
        using System.Net.Sockets.TcpClient client = new("127.0.0.1", port);
        using System.Net.Sockets.Socket accepted = listener.AcceptSocket();
        int remotePort = ((System.Net.IPEndPoint)client.Client.LocalEndPoint!).Port;
        Assert.Equal(0, text.WaitForEnd());
        Assert.Equal("PID     COMM         IP RADDR            RPORT LADDR            LPORT", text.Lines[0]);
        Assert.Matches($"^{Environment.ProcessId,-7} .{{12}} 4  {"127.0.0.1",-16} {remotePort,-5} {"127.0.0.1",-16} {port,-5}$", text.Lines[1]);
        Assert.Equal(0, json.WaitForEnd());
        Assert.Equal(remotePort, Assert.Single(json.Json).GetProperty("RemotePort").GetInt32());
    }

    [Fact]
    public void Listens_are_lines()
    {
        using Tool text = Tool.Trace("listen", "-4", "-p", s_self, "--max-events", "1");
        using Tool json = Tool.Trace("listen", "--json", "-p", s_self, "--max-events", "1");
        using Tool count = Tool.Trace("listen", "--count", "-p", s_self);
        using System.Net.Sockets.Socket listener = new(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        listener.Listen(7);
        int port = ((System.Net.IPEndPoint)listener.LocalEndPoint!).Port;
        Assert.Equal(0, text.WaitForEnd());
        Assert.Equal($"PID    COMM         NETNS        PROTO  BACKLOG  PORT  {"ADDR",-39}", text.Lines[0]);
        Assert.Matches($"^{Environment.ProcessId,-6} .{{12}} [0-9]+ +TCP    7        {port,-5} {"127.0.0.1",-39}$", text.Lines[1]);
        Assert.StartsWith("Tracing listens through ", text.Errors, StringComparison.Ordinal);
        Assert.Equal(0, json.WaitForEnd());
        System.Text.Json.JsonElement one = Assert.Single(json.Json);
        Assert.Equal((port, 7, 7, false), (one.GetProperty("Port").GetInt32(), one.GetProperty("Backlog").GetInt32(), one.GetProperty("BacklogLimit").GetInt32(), one.GetProperty("Implicit").GetBoolean()));
        count.Signal(Native.SIGINT);
        Assert.Equal(0, count.WaitForEnd());
        Assert.Equal($"{"LADDR",-32} {"LPORT",20}     {"LISTENS",-10}", count.Lines[0]);
        Assert.Equal($"{"127.0.0.1",-32} {port,20}     {1,-10}", count.Lines[1]);
    }

    [Fact]
    public void Releases_are_lines()
    {
        using Tool text = Tool.Trace("release", "-4", "-p", s_self, "--max-events", "1");
        using Tool json = Tool.Trace("release", "--json", "-p", s_self, "--max-events", "1");
        System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        listener.Dispose();
        Assert.Equal(0, text.WaitForEnd());
        Assert.Matches($"^{Environment.ProcessId,-6} .{{12}} TCP    Listen      .{{16}} {port,-5} {"127.0.0.1",-39}$", text.Lines[1]);
        Assert.StartsWith("Tracing releases through ", text.Errors, StringComparison.Ordinal);
        Assert.Equal(0, json.WaitForEnd());
        Assert.Equal((port, "Listen"), (Assert.Single(json.Json).GetProperty("Port").GetInt32(), json.Json[0].GetProperty("State").GetString()));
    }

    [Fact]
    public void A_reader_that_has_enough_ends_it_cleanly()
    {
        Tool.RequireTracing();
        using Tool head = Tool.Shell("\"$0\" -p 1 | head -1; echo \"${PIPESTATUS[@]}\"");
        Assert.Equal(0, head.WaitForEnd());
        Assert.Equal(["     PID COMM         PROT ADDR            PORT   OPTS IF", "0 0"], head.Lines);
        Assert.Equal("", NotAnnounced(head.Errors));

        using Tool gone = Tool.Shell("\"$0\" --json -p 1 | true; echo \"${PIPESTATUS[@]}\"");
        Assert.Equal(["0 0"], gone.Lines);
        Assert.Equal("", NotAnnounced(gone.Errors));

        using Tool counting = Tool.Shell("\"$0\" --count -p 1 | true; echo \"${PIPESTATUS[@]}\"");
        Assert.Equal(["0 0"], counting.Lines);
    }

    [Fact]
    public void A_full_disk_is_an_error()
    {
        Tool.RequireTracing();
        using Tool tool = Tool.Shell("\"$0\" --duration 0.1 > /dev/full");
        Assert.Equal(1, tool.WaitForEnd());
        Assert.EndsWith("bindsnoop: Writing the output failed: No space left on device.\n", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_and_errors_can_share_a_file()
    {
        Tool.RequireTracing();
        string file = Path.GetTempFileName();
        try
        {
            using Tool tool = Tool.Shell($"echo before > '{file}'; \"$0\" -p 1 --duration 0.1 >> '{file}' 2>&1; \"$0\" -p 1 --duration 0.1 > '{file}.2' 2>&1; cat '{file}' '{file}.2'");
            Assert.Equal(1, tool.Lines.Count(l => l == "before"));
            Assert.Equal(2, tool.Lines.Count(l => l.StartsWith("Tracing binds through ", StringComparison.Ordinal)));
            Assert.Equal(2, tool.Lines.Count(l => l == "     PID COMM         PROT ADDR            PORT   OPTS IF"));
        }
        finally
        {
            File.Delete(file);
            File.Delete(file + ".2");
        }
    }

    [Fact]
    public void What_was_lost_is_counted()
    {
        const int Binds = 3000;
        using Tool tool = Tool.Trace("--json", "-p", s_self, "--buffer-size", "4096");
        tool.Signal(Native.SIGSTOP);
        for (int i = 0; i < Binds; i++)
        {
            BindOnce("127.0.0.1");
        }

        tool.Signal(Native.SIGCONT);
        tool.WaitForLines(1);
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.InRange(tool.Lines.Count, 1, Binds - 1);
        Assert.EndsWith(
            $"bindsnoop: warning: {Binds - tool.Lines.Count} calls were lost in all, of {Binds}: they arrived faster than they were read. A larger --buffer-size or a narrower filter helps.\n",
            tool.Errors,
            StringComparison.Ordinal);
    }

    /// <summary>This process is outside, so it has no id there; and the tool, which is 1 there, does not bind.</summary>
    [Fact]
    public void Ids_in_a_PID_namespace_are_those_that_are_seen_there()
    {
        string[] unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
        using Tool tool = Tool.TraceThrough(unshare, "--json", "-P", "20950", "--max-events", "1");
        using Tool byId = Tool.TraceThrough(unshare, "--json", "-P", "20950", "-p", $"1,{s_self}", "--duration", "2");
        using (Native.Socket socket = new("127.0.0.1", Native.Stream))
        {
            Assert.Equal(0, socket.Bind(20950));
        }

        Assert.Equal(0, tool.WaitForEnd());
        JsonElement bind = Assert.Single(tool.Json);
        Assert.True(bind.GetProperty("IsHostProcessId").GetBoolean());
        Assert.Equal(Environment.ProcessId, bind.GetProperty("ProcessId").GetInt32());
        Assert.Equal(0, byId.WaitForEnd());
        Assert.Empty(byId.Lines);
    }

    [Fact]
    public void A_cgroup_that_is_gone_is_reported_while_it_traces()
    {
        Assert.SkipWhen(Host.Cgroups.MountPoint is null, "No cgroup2 hierarchy is mounted.");
        string name = $"bindsnoop-gone-{s_self}";
        string directory = Path.Combine(Host.Cgroups.MountPoint!, name);
        Directory.CreateDirectory(directory);
        try
        {
            using Tool tool = Tool.Trace("--cgroup", "/" + name);
            Directory.Delete(directory);
            tool.WaitForErrors($"bindsnoop: warning: The cgroup '/{name}' no longer exists. It is traced again as soon as it is created again.\n");
            Directory.CreateDirectory(directory);
            tool.WaitForErrors($"bindsnoop: warning: The cgroup '/{name}' exists again, and has been traced since it was created.\n");
            tool.Signal(Native.SIGINT);
            Assert.Equal(0, tool.WaitForEnd());
        }
        finally
        {
            Directory.Delete(directory);
        }
    }

    [Fact]
    public void Times_in_a_time_namespace_are_those_of_the_wall_clock()
    {
        Assert.SkipUnless(File.Exists("/proc/self/ns/time"), "This kernel has no time namespaces.");
        using Tool tool = Tool.TraceThrough(["unshare", "--time", "--fork", "--kill-child", "--boottime", "864000", "--"], "--json", "-p", s_self, "--max-events", "1");
        DateTime before = DateTime.UtcNow;
        BindOnce("127.0.0.1");
        DateTime after = DateTime.UtcNow;
        Assert.Equal(0, tool.WaitForEnd());
        Assert.InRange(Assert.Single(tool.Json).GetProperty("Time").GetDateTime().ToUniversalTime(), before.AddSeconds(-1), after.AddSeconds(1));
    }

    /// <summary>Whatever ends it.</summary>
    [Theory]
    [InlineData(Native.SIGINT, null)]
    [InlineData(Native.SIGTERM, null)]
    [InlineData(0, "| head -n 3000")]
    [InlineData(0, "--max-events 3000")]
    [InlineData(0, "--duration 3")]
    public void The_total_of_what_was_lost_comes_last(int signal, string? how)
    {
        Tool.RequireTracing();
        using CancellationTokenSource end = new();
        Thread binder = new(() =>
        {
            while (!end.IsCancellationRequested)
            {
                BindOnce("127.0.0.1");
            }
        });
        binder.Start();
        try
        {
            using Tool tool = how is null
                ? Tool.Trace("-p", s_self, "--buffer-size", "4096")
                : Tool.Shell($"\"$0\" -p {s_self} --buffer-size 4096 {how}");
            if (how is null)
            {
                tool.WaitForErrors(" lost so far: ");
                tool.Signal(signal);
                Assert.Equal(0, tool.WaitForEnd());
            }

            Assert.Matches("^bindsnoop: warning: [0-9]+ calls were lost in all, of [0-9]+: .*--buffer-size", tool.Errors.Split('\n')[^2]);
        }
        finally
        {
            end.Cancel();
            binder.Join();
        }
    }

    [Fact]
    public void More_losses_give_more_warnings()
    {
        using Tool tool = Tool.Trace("--json", "-p", s_self, "--buffer-size", "4096");
        List<long> lost = [];
        for (long end = Environment.TickCount64 + 60_000; lost.Count < 3 && Environment.TickCount64 < end;)
        {
            for (int i = 0; i < 1000; i++)
            {
                BindOnce("127.0.0.1");
            }

            lost = [.. tool.Errors.Split('\n').Where(l => l.Contains(" lost so far: ", StringComparison.Ordinal)).Select(l => long.Parse(l.Split(' ')[2], CultureInfo.InvariantCulture))];
        }

        Assert.True(lost.Count >= 3, $"{lost.Count} warnings");
        Assert.Equal(lost.Distinct().Order(), lost);
    }

    /// <summary>Binds a socket to a port that the kernel chooses, and gives the port.</summary>
    private static int BindOnce(string address, int type = Native.Stream)
    {
        using Native.Socket socket = new(address, type);
        Assert.Equal(0, socket.Bind(0));
        return socket.Port;
    }

    private static string NotAnnounced(string errors) =>
        string.Concat(errors.Split('\n').Where(l => !l.StartsWith("Tracing binds ", StringComparison.Ordinal) && !l.StartsWith("Not seen this way: ", StringComparison.Ordinal)));
}

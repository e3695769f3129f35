using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary><c>bindsnoop sockets</c>, and traces that begin with what is bound already.</summary>
public sealed class SocketsTests
{
    private static readonly string s_self = $"{Environment.ProcessId}";

    [Fact]
    public void A_socket_is_a_line()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start(7);
        int port = PortOf(listener.Server);
        using Tool narrow = Tool.Run("sockets", "-p", s_self, "-P", $"{port}");
        Assert.Equal("     PID COMM         PROT ADDR             PORT STATE       OPTS  IF", narrow.Lines[0]);
        Assert.Matches($"^{Environment.ProcessId,8} .{{12}} TCP  127.0.0.1       {port,5} Listen      ", Assert.Single(narrow.Lines, l => l != narrow.Lines[0]));
        using Tool wide = Tool.Run("sockets", "--wide", "-p", s_self, "-P", $"{port}");
        Assert.EndsWith($"[{s_self}]:{listener.Server.Handle}", wide.Lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void JSON_has_every_property()
    {
        using TcpListener listener = new(IPAddress.IPv6Loopback, 0);
        listener.Start(7);
        using Tool tool = Tool.Run("sockets", "--json", "-p", s_self, "-P", $"{PortOf(listener.Server)}");
        Assert.Equal(0, tool.WaitForEnd());
        JsonElement socket = Assert.Single(tool.Json);
        Assert.Equal(
            typeof(BindSocket).GetProperties().Select(p => p.Name).Except(["Timestamp", "Endpoint", "ServiceName", "RemoteEndpoint"]).Order(),
            socket.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(("::1", "Listen", 7), (socket.GetProperty("Address").GetString(), socket.GetProperty("State").GetString(), socket.GetProperty("BacklogLimit").GetInt32()));
        Assert.Equal((int)listener.Server.Handle, socket.GetProperty("Owners")[0].GetProperty("FileDescriptor").GetInt32());
    }

    /// <summary>Each lists that of the sockets which it asks for, and not the others.</summary>
    [Theory]
    [InlineData("--family=IPv6", "six")]
    [InlineData("-6", "six")]
    [InlineData("--protocol=udp", "datagram")]
    [InlineData("--address=127.0.0.2/31", "datagram")]
    [InlineData("--state=bound", "six")]
    [InlineData("--state=established,timewait", "client server")]
    [InlineData("-4", "listener datagram")]
    [InlineData("-a", "listener six datagram client server")]
    [InlineData("--uid=4294967294", "")]
    [InlineData("--comm=no-such-name", "")]
    [InlineData("--netns=/proc/self/ns/net", "listener six datagram")]
    public void Filters_list_only_requested_sockets(string filter, string expected)
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using Socket six = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
        six.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        using Socket datagram = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagram.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        using TcpClient client = new("127.0.0.1", PortOf(listener.Server));
        using Socket server = listener.AcceptSocket();
        Dictionary<long, string> names = new()
        {
            [(long)listener.Server.Handle] = "listener",
            [(long)six.Handle] = "six",
            [(long)datagram.Handle] = "datagram",
            [(long)client.Client.Handle] = "client",
            [(long)server.Handle] = "server",
        };
        using Tool tool = Tool.Run("sockets", "--json", "-p", s_self, filter);
        Assert.Equal(0, tool.WaitForEnd());

        // Others of this process may be there, too.
        IEnumerable<string> found = tool.Json
            .SelectMany(s => s.GetProperty("Owners").EnumerateArray())
            .Where(o => o.GetProperty("ProcessId").GetInt32() == Environment.ProcessId)
            .Select(o => names.GetValueOrDefault(o.GetProperty("FileDescriptor").GetInt64(), ""))
            .Where(n => n.Length > 0);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), found.Order());
    }

    [Theory]
    [InlineData("--port=http", "'http' is not a port")]
    [InlineData("--state=listening", "'listening'")]
    [InlineData("--netns=nowhere", "'nowhere'")]
    [InlineData("--protocol=carrier-pigeon", "'carrier-pigeon' is not a protocol")]
    [InlineData("--address=localhost", "'localhost'")]
    public void A_filter_that_is_wrong_is_one_error(string filter, string expected)
    {
        using Tool tool = Tool.Run("sockets", filter);
        Assert.Equal(2, tool.WaitForEnd());
        Assert.Empty(tool.Lines);
        Assert.Contains(expected, tool.Errors, StringComparison.Ordinal);
        Assert.StartsWith("bindsnoop: ", tool.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reader_that_has_enough_ends_it_cleanly()
    {
        using Tool tool = Tool.Shell("\"$0\" sockets -a | true; echo \"${PIPESTATUS[@]}\"");
        Assert.Equal(["0 0"], tool.Lines);
    }

    [Fact]
    public void Without_privileges_it_says_what_is_missing()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can give up root.");
        string[] user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
        using Tool support = Tool.RunProgram(user[0], [.. user[1..], Tool.Path, "support"]);
        Assert.SkipUnless(support.Lines.Count > 0, $"An ordinary user cannot run {Tool.Path}.");
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        using Tool tool = Tool.RunProgram(user[0], [.. user[1..], Tool.Path, "sockets", "--json", "-P", $"{PortOf(listener.Server)}"]);
        Assert.Equal(0, tool.WaitForEnd());
        JsonElement socket = Assert.Single(tool.Json, s => s.GetProperty("State").GetString() == "Listen");
        Assert.Equal(("Unknown", "Netlink"), (socket.GetProperty("HeldBy").GetString(), socket.GetProperty("Source").GetString()));
        Assert.Contains("Only network namespaces that this process may enter are listed", tool.Errors, StringComparison.Ordinal);
        Assert.Contains("CAP_SYS_PTRACE: their sockets are shown as held by Unknown", tool.Errors, StringComparison.Ordinal);
    }

    /// <summary>Each once, whether it was there or came while the trace began.</summary>
    [Fact]
    public void A_trace_can_start_with_existing_sockets()
    {
        using Native.Socket before = new("127.0.0.1");
        Assert.Equal(0, before.Bind(0));
        using Tool json = Tool.Trace("--existing", "--json", "-p", s_self);
        using Tool text = Tool.Trace("--existing", "-p", s_self, "-P", $"{before.Port}", "--max-events", "1");
        using Native.Socket after = new("127.0.0.1");
        Assert.Equal(0, after.Bind(0));
        Assert.Equal(0, text.WaitForEnd());
        Assert.Matches($"^{Environment.ProcessId,8} .{{12}} TCP  127.0.0.1       {before.Port,5} ", text.Lines[1]);
        json.Signal(Native.SIGINT);
        Assert.Equal(0, json.WaitForEnd());
        Assert.True(Assert.Single(json.Json, e => e.GetProperty("Port").GetInt32() == before.Port).GetProperty("Existing").GetBoolean());
        Assert.False(Assert.Single(json.Json, e => e.GetProperty("Port").GetInt32() == after.Port).GetProperty("Existing").GetBoolean());
    }

    [Theory]
    [InlineData("--cgroupmap=/sys/fs/bpf/none")]
    [InlineData("--mntnsmap=/sys/fs/bpf/none")]
    [InlineData("--requested-only")]
    public void What_sockets_do_not_have_cannot_choose_them(string filter)
    {
        Tool.RequireTracing();
        using Tool tool = Tool.Run("--existing", filter);
        Assert.NotEqual(0, tool.WaitForEnd());
        Assert.Contains("bindsnoop: Existing sockets cannot be filtered by group, by whether their port was requested, or by a map", tool.Errors, StringComparison.Ordinal);
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}

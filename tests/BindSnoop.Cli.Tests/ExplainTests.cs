using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary><c>bindsnoop --explain</c>.</summary>
public sealed class ExplainTests
{
    [Fact]
    public void AnIndentedLineExplains()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using Tool tool = Tool.Trace("--explain", "-P", $"{port}", "--max-events", "1");
        Fail(port);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal(3, tool.Lines.Count);
        Assert.StartsWith(" RC ", tool.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("-98 ", tool.Lines[1], StringComparison.Ordinal);
        Assert.Matches($@"^    \S.* \(pid {Environment.ProcessId}, .*listens on TCP 127\.0\.0\.1:{port}; .*\.$", tool.Lines[2]);
    }

    [Fact]
    public void JsonHasCauseAndHolders()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using Tool tool = Tool.Trace("--explain", "--json", "-P", $"{port}", "--max-events", "1");
        Fail(port);
        Assert.Equal(0, tool.WaitForEnd());
        JsonElement failed = Assert.Single(tool.Json);
        Assert.Equal("EADDRINUSE", failed.GetProperty("ErrorName").GetString());
        Assert.Equal("Listening", failed.GetProperty("Cause").GetString());
        Assert.NotEmpty(failed.GetProperty("Explanation").GetString()!);
        Assert.Equal(Environment.ProcessId, failed.GetProperty("Holders")[0].GetProperty("Owners")[0].GetProperty("ProcessId").GetInt32());
    }

    [Fact]
    public void ListensAreExplained()
    {
        // .NET sets SO_REUSEADDR, with which both may bind.
        using Socket first = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        first.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)first.LocalEndPoint!).Port;
        using Socket second = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        second.Bind(first.LocalEndPoint);
        using Tool tool = Tool.Trace("listen", "--explain", "-P", $"{port}", "--max-events", "2");
        first.Listen();
        Assert.Throws<SocketException>(second.Listen);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal(4, tool.Lines.Count);
        Assert.StartsWith(" RC ", tool.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("-98 ", tool.Lines[2], StringComparison.Ordinal);
        Assert.Matches($@"^    \S.* \(pid {Environment.ProcessId}, .*listens on TCP 127\.0\.0\.1:{port}; .*\.$", tool.Lines[3]);
    }

    [Theory]
    [InlineData]
    [InlineData("listen")]
    public void NotWithCounts(params string[] command)
    {
        using Tool tool = Tool.Run([.. command, "--explain", "--count"]);
        Assert.Equal(2, tool.WaitForEnd());
        Assert.Contains("--explain cannot be combined with --count", tool.Errors, StringComparison.Ordinal);
    }

    private static void Fail(int port)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Assert.Throws<SocketException>(() => socket.Bind(new IPEndPoint(IPAddress.Loopback, port)));
    }
}

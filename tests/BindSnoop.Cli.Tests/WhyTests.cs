using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BindSnoop.Cli.Commands;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary><c>bindsnoop why</c>.</summary>
public sealed class WhyTests
{
    [Theory]
    [InlineData("8080", "::", 8080)]
    [InlineData("*:8080", "::", 8080)]
    [InlineData("127.0.0.1:53", "127.0.0.1", 53)]
    [InlineData("[::1]:443", "::1", 443)]
    [InlineData("[::]:0", "::", 0)]
    [InlineData("[fe80::1%1]:443", "fe80::1%1", 443)]
    public void EndpointsAreRead(string text, string address, int port)
    {
        BindRequest request = WhyCommand.ParseEndpoint(text);
        Assert.Equal((address, port), (request.Address.ToString(), request.Port));
    }

    [Theory]
    [InlineData("")]
    [InlineData("http")]
    [InlineData("65536")]
    [InlineData("-1")]
    [InlineData("8080-8090")]
    [InlineData("::1:443")]
    [InlineData("127.0.0.1:")]
    [InlineData(":80")]
    [InlineData("localhost:80")]
    [InlineData("[::1]")]
    [InlineData("10.0.0.0/8:80")]
    public void AnInvalidEndpointIsAUsageError(string text)
    {
        TraceException exception = Assert.Throws<TraceException>(() => WhyCommand.ParseEndpoint(text));
        Assert.Equal(TraceErrorKind.InvalidArgument, exception.Kind);
        (int status, string output, string errors) = Run("why", "--", text);
        Assert.Equal((2, ""), (status, output));
        Assert.NotEmpty(errors);
    }

    [Fact]
    public void TheStatusSaysWhetherItIsFree()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        (int status, string output, _) = Run("why", $"127.0.0.1:{port}");
        Assert.Equal(1, status);
        string[] lines = output.Split('\n');
        Assert.StartsWith($"TCP 127.0.0.1:{port} cannot be bound (EADDRINUSE, Listening): ", lines[0], StringComparison.Ordinal);
        Assert.Contains($"(pid {Environment.ProcessId}, ", lines[0], StringComparison.Ordinal);
        Assert.Contains(" PID COMM ", lines[1], StringComparison.Ordinal);
        Assert.Contains(" Listen ", lines[2], StringComparison.Ordinal);

        (status, output, _) = Run("why", $"[::1]:{port}");
        Assert.Equal((0, $"TCP [::1]:{port} can be bound: Nothing is in the way.\n"), (status, output));
        Assert.Equal(0, Run("why", "--protocol", "udp", $"{port}").Status);
    }

    [Fact]
    public void JsonHasTheHolders()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        (int status, string output, _) = Run("why", "--json", $"{port}");
        Assert.Equal(1, status);
        JsonElement test = JsonDocument.Parse(output).RootElement;
        Assert.Equal(
            typeof(BindPortTest).GetProperties().Select(p => p.Name).Where(n => n != "Endpoint").Order(),
            test.EnumerateObject().Select(p => p.Name).Order());
        Assert.False(test.GetProperty("Available").GetBoolean());
        Assert.Equal("Listening", test.GetProperty("Cause").GetString());
        Assert.Equal(Environment.ProcessId, test.GetProperty("Holders")[0].GetProperty("ProcessId").GetInt32());
    }

    private static (int Status, string Output, string Errors) Run(params string[] args)
    {
        using Tool tool = Tool.Run(args);
        return (tool.WaitForEnd(), string.Concat(tool.Lines.Select(l => l + "\n")), tool.Errors);
    }
}

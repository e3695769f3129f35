using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using BindSnoop.Cli.Export;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>What goes elsewhere than to standard output; with real receivers: tests/fleet.</summary>
public sealed class ExportTests
{
    private static readonly string s_self = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    [Fact]
    public void Attributes_are_those_of_the_conventions()
    {
        OtlpLogRecord record = new(Made.Event(uid: 33, error: 98, pid: 181, comm: "ng\x1b[inx"u8.ToArray(), port: 443, address: "::1", options: BindOptions.ReuseAddress));
        Assert.Equal(
            new[]
            {
                "event.name=bindsnoop.bind", "process.pid=181", "process.parent_pid=0", "thread.id=181", @"process.executable.name=ng\x1b[inx",
                "user.id=33", $"user.name={record.Event.UserName}", "network.transport=tcp", "network.type=ipv6", "server.address=::1", "server.port=443",
                "bindsnoop.requested_address=::1", "bindsnoop.requested_port=443", "bindsnoop.options=...R.", "error.type=EADDRINUSE",
                "bindsnoop.network_namespace=0",
            }.Order(StringComparer.Ordinal),
            Lines(record).Order(StringComparer.Ordinal));
        Assert.Equal(
            ["client.address=192.0.2.1", "client.port=50000", "server.address=192.0.2.2", "server.port=22"],
            Lines(new OtlpLogRecord(Made.Accept(remoteAddress: "192.0.2.1", remotePort: 50000, localAddress: "192.0.2.2", localPort: 22)))
                .Where(l => l.StartsWith("client.", StringComparison.Ordinal) || l.StartsWith("server.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        Assert.Equal(
            ["event.name=bindsnoop.listen", "network.transport=tcp", "network.type=ipv4", "server.address=127.0.0.1", "server.port=80"],
            Lines(new OtlpLogRecord(Made.Listen()))
                .Where(l => l.StartsWith("event.", StringComparison.Ordinal) || l.StartsWith("network.t", StringComparison.Ordinal) || l.StartsWith("server.", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));

        Assert.Equal(
            ["bindsnoop.bound_for=00:00:01", "bindsnoop.state=Listen", "event.name=bindsnoop.release", "server.address=127.0.0.1", "server.port=80"],
            Lines(new OtlpLogRecord(Made.Release()))
                .Where(l => l.StartsWith("event.", StringComparison.Ordinal) || l.StartsWith("bindsnoop.s", StringComparison.Ordinal) || l.StartsWith("bindsnoop.b", StringComparison.Ordinal) || l.StartsWith("server.", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));

        // Of a failed call there is no peer, and of a bad pointer no address.
        Assert.DoesNotContain(Lines(new OtlpLogRecord(Made.Accept(error: 11, remoteAddress: null, remotePort: 0))), l => l.StartsWith("client.", StringComparison.Ordinal));
        Assert.DoesNotContain(Lines(new OtlpLogRecord(Made.Event(error: 14, address: null))), l => l.Contains("address", StringComparison.Ordinal));
    }

    [Fact]
    public void Fields_of_protobuf_are_counted()
    {
        // 1 { 2 { 2 "a" 2 "" } 2 { 1 7 } 3 (8 bytes) } 1 { 2 { 2 "b" } 5 (4 bytes) } 4 300
        byte[] message =
        [
            0x0a, 0x14, 0x12, 0x05, 0x12, 0x01, (byte)'a', 0x12, 0x00, 0x12, 0x02, 0x08, 0x07, 0x19, 1, 2, 3, 4, 5, 6, 7, 8,
            0x0a, 0x0a, 0x12, 0x03, 0x12, 0x01, (byte)'b', 0x2d, 1, 2, 3, 4, 0x20, 0xac, 0x02,
        ];
        Assert.Equal(3, Protobuf.Sum(message, 1, 2, 2));
        Assert.Equal(2, Protobuf.Sum(message, 1));
        Assert.Equal(7, Protobuf.Sum(message, 1, 2, 1));
        Assert.Equal(300, Protobuf.Sum(message, 4));
        Assert.Equal(0, Protobuf.Sum(message, 9));
        Random random = new(1);
        for (int i = 0; i < 10_000; i++)
        {
            byte[] nonsense = new byte[random.Next(40)];
            random.NextBytes(nonsense);
            Protobuf.Sum(nonsense, 1, 2, 2);
        }
    }

    [Fact]
    public void Metrics_are_in_the_file_to_the_last_call()
    {
        string path = Path.Combine(Path.GetTempPath(), $"bindsnoop-{Environment.ProcessId}.prom");
        try
        {
            using Tool tool = Tool.Trace("--quiet", "-E", "-p", s_self, "--metrics", path, "--metrics-interval", "600");
            Assert.DoesNotContain("binds_total", File.ReadAllText(path), StringComparison.Ordinal);
            Bind(3);
            tool.Signal(Native.SIGTERM);
            Assert.Equal(0, tool.WaitForEnd());
            Assert.Empty(tool.Lines);
            string text = File.ReadAllText(path);
            Assert.Contains("\nbindsnoop_binds_total{network_transport=\"tcp\",network_type=\"ipv4\",result=\"success\"} 3\n", text, StringComparison.Ordinal);
            Assert.Contains("\nbindsnoop_binds_total{network_transport=\"tcp\",network_type=\"ipv4\",result=\"failure\"} 1\n", text, StringComparison.Ordinal);
            Assert.Contains("\nbindsnoop_errors_total{call=\"bind\",error_type=\"EADDRINUSE\"} 1\n", text, StringComparison.Ordinal);

            using Tool counting = Tool.Trace("--count", "--quiet", "-p", s_self, "--metrics", path);
            Bind(2);
            counting.Signal(Native.SIGTERM);
            Assert.Equal(0, counting.WaitForEnd());
            Assert.Empty(counting.Lines);
            Assert.Contains("result=\"success\"} 2\n", File.ReadAllText(path), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Prometheus_reads_what_the_file_has()
    {
        int port = FreePort();
        string path = Path.Combine(Path.GetTempPath(), $"bindsnoop-{Environment.ProcessId}-http.prom");
        using HttpClient client = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        CancellationToken end = TestContext.Current.CancellationToken;
        try
        {
            using Tool tool = Tool.Trace("--quiet", "-E", "-p", s_self, "--prometheus", $"{port}", "--metrics", path, "--metrics-interval", "600");
            Bind(3);
            string text;
            do
            {
                HttpResponseMessage answer = await client.GetAsync("/metrics", end);
                Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
                text = await answer.Content.ReadAsStringAsync(end);
            }
            while (!text.Contains("result=\"success\"} 3", StringComparison.Ordinal) || !text.Contains("EADDRINUSE\"} 1", StringComparison.Ordinal));

            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/other", end)).StatusCode);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, (await client.PostAsync("/metrics", null, end)).StatusCode);

            // On a connection of its own, for HttpListener ends one after a name that it does not know.
            using HttpClient stranger = new() { BaseAddress = client.BaseAddress };
            using HttpRequestMessage rebound = new(HttpMethod.Get, "/metrics") { Headers = { Host = "evil.example" } };
            Assert.False((await stranger.SendAsync(rebound, end)).IsSuccessStatusCode);

            // Somebody who asks and never reads keeps nobody else waiting.
            using TcpClient silent = new("127.0.0.1", port);
            await silent.GetStream().WriteAsync("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n"u8.ToArray(), end);
            Assert.Equal(text, await client.GetStringAsync("/", end));
            tool.Signal(Native.SIGTERM);
            Assert.Equal(0, tool.WaitForEnd());
            Assert.Equal(File.ReadAllText(path), text);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void An_address_that_others_listen_on_is_an_error_at_once()
    {
        Tool.RequireTracing();
        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        using Tool tool = Tool.Run("--prometheus", $"{other.LocalEndpoint}", "--duration", "600");
        Assert.Equal(1, tool.WaitForEnd());
        Assert.StartsWith($"bindsnoop: Listening on {other.LocalEndpoint} failed: Address already in use.", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_an_error_at_once()
    {
        Tool.RequireTracing();
        using Tool tool = Tool.Run("--metrics", "/sys/kernel/a.prom", "--duration", "600");
        Assert.Equal(1, tool.WaitForEnd());
        Assert.Contains("bindsnoop: '/sys/kernel/a.prom' cannot be written: ", tool.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, 4, "")]
    [InlineData(503, 4, "")]
    [InlineData(400, 0, "4 of 4 events did not reach")]
    public void Events_arrive_or_are_counted(int firstStatus, int expected, string warning)
    {
        using Receiver receiver = new(firstStatus);
        using Tool tool = Tool.Trace("--quiet", "-E", "-p", s_self, "--otlp", receiver.Url, "--otlp-only", "logs");
        Bind(3);
        Assert.True(receiver.Answered.WaitOne(60_000), "Nothing arrives.");
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal(expected, receiver.Taken.Where(r => r.Path == "/v1/logs").Sum(r => Protobuf.Sum(r.Body, 1, 2, 2)));
        Assert.Equal(warning.Length > 0, tool.Errors.Contains("did not reach", StringComparison.Ordinal));
        Assert.Contains(warning, tool.Errors, StringComparison.Ordinal);
        Assert.Equal(firstStatus != 200, tool.Errors.Contains($"HTTP status {firstStatus}", StringComparison.Ordinal));
    }

    [Fact]
    public void Pauses_are_not_shorter_than_requested()
    {
        DateTimeOffset now = DateTimeOffset.UnixEpoch;
        double? Seconds(RetryConditionHeaderValue? asked, double chance) => OtlpSender.PauseAsked(asked, now, chance)?.TotalSeconds;
        Assert.Null(Seconds(null, 1));
        Assert.Equal(30, Seconds(new(TimeSpan.FromSeconds(30)), 0));
        Assert.Equal(30.5, Seconds(new(TimeSpan.FromSeconds(30)), 1));
        Assert.Equal(60, Seconds(new(now.AddSeconds(60)), 0));
        Assert.Null(Seconds(new(now.AddSeconds(-60)), 0));
        Assert.Equal(300, Seconds(new(TimeSpan.FromDays(9)), 0));
    }

    [Fact]
    public void What_the_receiver_rejects_is_counted()
    {
        // partial_success { rejected_log_records 1 }, in each answer.
        using Receiver receiver = new(200, [0x0a, 0x02, 0x08, 0x01]);
        using Tool tool = Tool.Trace("--quiet", "-E", "-p", s_self, "--otlp", receiver.Url, "--otlp-only", "logs");
        Bind(3);
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Contains($"{receiver.Taken.Count} of 4 events did not reach {receiver.Url}.", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_receiver_is_reported_and_not_waited_for_forever()
    {
        using Tool tool = Tool.Trace("--quiet", "-E", "-p", s_self, "--otlp", "http://127.0.0.1:1");
        Bind(3);
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Contains("bindsnoop: warning: events cannot be sent to http://127.0.0.1:1: Connection refused", tool.Errors, StringComparison.Ordinal);
        Assert.EndsWith("bindsnoop: warning: 4 of 4 events did not reach http://127.0.0.1:1.\n", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_written_any_more_is_reported()
    {
        string directory = Directory.CreateTempSubdirectory("bindsnoop-").FullName;
        using Tool tool = Tool.Trace("--quiet", "-p", s_self, "--metrics", Path.Combine(directory, "a.prom"), "--metrics-interval", "0.05");
        Directory.Delete(directory, recursive: true);
        tool.WaitForErrors("cannot be written: ");
        tool.Signal(Native.SIGTERM);
        Assert.Equal(1, tool.WaitForEnd());
        Assert.Equal(2, tool.Errors.Split("cannot be written: ").Length - 1);
    }

    [Fact]
    public void Counts_are_printed_though_the_metrics_cannot_be_written()
    {
        string directory = Directory.CreateTempSubdirectory("bindsnoop-").FullName;
        using Tool tool = Tool.Trace("--count", "--json", "-p", s_self, "--metrics", Path.Combine(directory, "a.prom"));
        Bind(3);
        Directory.Delete(directory, recursive: true);
        tool.Signal(Native.SIGINT);
        Assert.Equal(1, tool.WaitForEnd());
        Assert.Equal(3, tool.Json.Sum(c => c.GetProperty("Count").GetInt32()));
        Assert.Contains("cannot be written: ", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_are_printed_though_nobody_waits_for_the_receiver()
    {
        // Takes connections and never answers.
        using TcpListener receiver = new(IPAddress.Loopback, 0);
        receiver.Start();
        using Tool tool = Tool.Trace("--count", "--json", "-p", s_self, "--otlp", $"http://{receiver.LocalEndpoint}");
        Bind(3);
        tool.Signal(Native.SIGINT);
        tool.WaitForLines(3);
        tool.Signal(Native.SIGINT);
        Assert.Equal(128 + Native.SIGINT, tool.WaitForEnd());
        Assert.Equal(3, tool.Json.Sum(c => c.GetProperty("Count").GetInt32()));
    }

    [Fact]
    public void Nothing_stays_of_those_that_were_killed()
    {
        string directory = Directory.CreateTempSubdirectory("bindsnoop-").FullName;
        string path = Path.Combine(directory, "a.prom");
        try
        {
            for (int i = 0; i < 10; i++)
            {
                using Tool killed = Tool.Trace("--quiet", "-p", s_self, "--metrics", path, "--metrics-interval", "0.001");
                Thread.Sleep(20 * i);
                killed.Signal(Native.SIGKILL);
                killed.WaitForEnd();
            }

            using Tool last = Tool.Run("--quiet", "-p", s_self, "--metrics", path, "--duration", "0.1");
            Assert.Equal(0, last.WaitForEnd());
            Assert.Equal([path], Directory.GetFileSystemEntries(directory));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void Files_without_metrics_are_not_replaced()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "precious\n");
            using Tool tool = Tool.Run("--metrics", path, "--duration", "600");
            Assert.Equal(1, tool.WaitForEnd());
            Assert.StartsWith($"bindsnoop: '{path}' exists, and does not hold BindSnoop's metrics.\n", tool.Errors, StringComparison.Ordinal);
            Assert.Equal("precious\n", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Metrics_arrive()
    {
        using Receiver receiver = new(200);
        using Tool tool = Tool.Trace("--quiet", "-p", s_self, "--otlp", receiver.Url, "--otlp-only", "metrics", "--metrics-interval", "600");
        Bind(3);
        tool.Signal(Native.SIGTERM);
        Assert.Equal(0, tool.WaitForEnd());
        (string path, byte[] body) = Assert.Single(receiver.Taken);
        Assert.Equal("/v1/metrics", path);
        Assert.Contains("bindsnoop.binds", System.Text.Encoding.Latin1.GetString(body), StringComparison.Ordinal);
        Assert.DoesNotContain("warning", tool.Errors, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    private static string[] Lines(OtlpLogRecord record) => [.. record.Select(a => $"{a.Key}={a.Value}")];

    /// <summary>So many binds that succeed, and one that fails.</summary>
    private static void Bind(int count)
    {
        for (int i = 0; i < count; i++)
        {
            using Native.Socket socket = new("127.0.0.1");
            Assert.Equal(0, socket.Bind(0));
            if (i == 0)
            {
                using Native.Socket second = new("127.0.0.1");
                Assert.Equal(Native.EADDRINUSE, second.Bind(socket.Port));
            }
        }
    }

    /// <summary>Takes requests by HTTP, after a first answer that may be another.</summary>
    private sealed class Receiver : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly byte[] _answer;
        private int _status;

        public Receiver(int firstStatus, byte[]? answer = null)
        {
            // Another test may get the port in between, but they run one at a time.
            Url = $"http://127.0.0.1:{FreePort()}";
            _status = firstStatus;
            _answer = answer ?? [];
            _listener.Prefixes.Add($"{Url}/");
            _listener.Start();
            new Thread(Serve) { IsBackground = true }.Start();
        }

        public string Url { get; }

        public ManualResetEvent Answered { get; } = new(false);

        public ConcurrentQueue<(string Path, byte[] Body)> Taken { get; } = [];

        public void Dispose()
        {
            _listener.Close();
            Answered.Dispose();
        }

        private void Serve()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = _listener.GetContext();
                    using MemoryStream body = new();
                    context.Request.InputStream.CopyTo(body);
                    context.Response.StatusCode = _status;
                    if (_status == 200)
                    {
                        Taken.Enqueue((context.Request.Url!.AbsolutePath, body.ToArray()));
                    }

                    // A receiver that refuses for good continues refusing.
                    bool later = _status == 503;
                    _status = later ? 200 : _status;
                    context.Response.Close(_answer, willBlock: true);
                    if (!later)
                    {
                        Answered.Set();
                    }
                }
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // Closed.
            }
        }
    }
}

using System.Diagnostics.Metrics;
using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Metrics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What the meter publishes, and the text that Prometheus reads.</summary>
public sealed class MetricTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop-metrics-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    // ---- what is counted under which tags

    [Fact]
    public void UnknownValuesCountAsOther()
    {
        MetricTally tally = new([]);
        tally.Add(Bind(protocol: 6));
        tally.Add(Bind(protocol: 6));
        tally.Add(Bind(protocol: 262, family: 10));
        tally.Add(Bind(protocol: 0, error: 9));
        for (int i = 0; i < 1000; i++)
        {
            tally.Add(Bind(protocol: (ushort)(300 + (i % 200)), error: 1000 + i, port: (ushort)(2000 + i)));
        }

        Assert.Equal(
            [
                "network.transport=mptcp network.type=ipv6 result=success 1",
                "network.transport=other network.type=ipv4 result=failure 1001",
                "network.transport=tcp network.type=ipv4 result=success 2",
            ],
            Lines(tally, Metric.Binds));
        Assert.Equal(["call=bind error.type=EBADF 1", "call=bind error.type=other 1000"], Lines(tally, Metric.Errors));
    }

    /// <summary>A failure that is looked into counts once, when its cause is known; nobody waits for that.</summary>
    [Fact]
    public void ErrorsAreCountedByCause()
    {
        MetricTally tally = new([]);
        TaskCompletionSource<BindFinding> first = new(), second = new();
        tally.Add(Bind(error: 98, finding: first.Task));
        tally.Add(Bind(error: 98, finding: second.Task));
        tally.Add(Bind(error: 98, finding: Task.FromResult(new BindFinding("Unknown", "", []))));
        tally.Add(Bind(error: 98));
        Assert.Equal(["network.transport=tcp network.type=ipv4 result=failure 4"], Lines(tally, Metric.Binds));
        Assert.Equal(["call=bind error.type=EADDRINUSE 1", "call=bind error.type=EADDRINUSE cause=Unknown 1"], Lines(tally, Metric.Errors));
        first.SetResult(new BindFinding("Listening", "", []));
        second.SetResult(new BindFinding("TimeWait", "", []));
        Assert.Equal(
            [
                "call=bind error.type=EADDRINUSE 1",
                "call=bind error.type=EADDRINUSE cause=Listening 1",
                "call=bind error.type=EADDRINUSE cause=TimeWait 1",
                "call=bind error.type=EADDRINUSE cause=Unknown 1",
            ],
            Lines(tally, Metric.Errors));
    }

    /// <summary>When a trace ends, each of its failures is counted with a cause.</summary>
    [Fact]
    public void CausesAreKnownWhenATraceEnds()
    {
        Requires.Tracing();
        using Reading reading = new();
        long before = Explained(reading);
        using (BindTracer tracer = new(OwnCalls with { Explain = true }))
        {
            for (int i = 0; i < 50; i++)
            {
                Assert.NotEqual(0, Sys.BindOnce("192.0.2.250", 0));
            }

            Assert.Equal(50, tracer.Read(TimeSpan.Zero).Count());
        }

        Assert.Equal(before + 50, Explained(reading));

        static long Explained(Reading reading) =>
            Sum([.. reading.Of("bindsnoop.errors").Where(l => l.Contains("cause=AddressNotLocal", StringComparison.Ordinal) || l.Contains("cause=Unknown", StringComparison.Ordinal))]);
    }

    [Fact]
    public void OnlyRequestedPortsAreNamed()
    {
        MetricTally tally = new([80, 443]);
        foreach (ushort port in new ushort[] { 80, 80, 443, 81, 8080, 0 })
        {
            tally.Add(Bind(port: port));
        }

        tally.Add(new BindCount(new BindCountKey { AddressFamily = 2, Port = 443, ProtocolNumber = 6 }, 7, BindEvent.Definition));
        Assert.Equal(["443 8", "80 2", "other 3"], Lines(tally, Metric.Binds).Select(l => l.Split(' ')[2].Split('=')[1] + " " + l.Split(' ')[^1]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void PrivilegedPortsAreCountedByClassOfUser()
    {
        MetricTally tally = new([]);
        foreach ((ushort port, uint uid, int error) in new (ushort, uint, int)[]
        {
            (0, 0, 0), (1, 0, 0), (1023, 0, 0), (1024, 0, 0), (80, 33, 0), (80, 65534, 13), (80, 61184, 0), (80, 999, 0),
            (80, 1000, 13), (80, 65533, 13), (80, 100_000, 0),
        })
        {
            tally.Add(Bind(port: port, uid: uid, error: error));
        }

        Assert.Equal(
            [
                "user.class=root result=success 2",
                "user.class=system result=failure 1",
                "user.class=system result=success 3",
                "user.class=user result=failure 2",
                "user.class=user result=success 1",
            ],
            Lines(tally, Metric.PrivilegedBinds));
    }

    [Fact]
    public void NamesOfTracesAreLimitedAndSafe()
    {
        MetricSet set = new();
        for (int i = 0; i < 2 * MetricSet.MaxTraceNames; i++)
        {
            set.Add(Metric.Received, 1, new KeyValuePair<string, string?>("bindsnoop.trace", set.TraceTag($"trace\n{i}")));
        }

        List<MetricValue> values = [.. set.Of(Metric.Received)];
        Assert.Equal(MetricSet.MaxTraceNames + 1, values.Count);
        Assert.Equal(MetricSet.MaxTraceNames, values.Single(v => (string)v.Tags[0].Value! == MetricSet.Other).Value);
        Assert.DoesNotContain(PrometheusText.Write(set).Replace("\n", "", StringComparison.Ordinal), char.IsControl);
    }

    // ---- the meter

    [Fact]
    public void NothingIsCountedUntilSomebodyLooks()
    {
        Requires.Tracing();
        List<string> before;
        using (Reading early = new())
        {
            before = early.Of("bindsnoop.binds");
        }

        using BindTracer tracer = new(OwnCalls);
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20971));
        Assert.Single(tracer.Read(TimeSpan.Zero));
        using Reading reading = new();
        Assert.Equal(before, reading.Of("bindsnoop.binds"));
    }

    [Fact]
    public void CountingBeginsWhenSomebodyLooks()
    {
        Requires.Tracing();
        using BindTracer tracer = new(OwnCalls);
        using IEnumerator<BindEvent> events = tracer.Read().GetEnumerator();
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20971));
        Assert.True(events.MoveNext());
        using Reading reading = new();
        long before = Sum(reading.Of("bindsnoop.binds"));
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20971));
        Assert.True(events.MoveNext());
        Assert.Equal(before + 1, Sum(reading.Of("bindsnoop.binds")));
    }

    [Fact]
    public void ListenersGetEveryCallToTheEnd()
    {
        Requires.Tracing();
        using Reading reading = new();
        long before = Sum(reading.Of("bindsnoop.binds"));
        using CgroupTree tree = new();
        long read;
        using (Collector collector = new(new() { Filter = new() { Cgroup = [tree.Root] } }))
        {
            Load load = Load.Run(tree, 10_000, 4);
            read = collector.Finish(out TraceStatistics statistics).Count;
            Assert.InRange(read, load.Total - statistics.Dropped, load.Total);
        }

        // Ended, and not forgotten: a counter never shrinks.
        Assert.Equal(read, Sum(reading.Of("bindsnoop.binds")) - before);
    }

    [Fact]
    public void BackgroundTracesAreNamed()
    {
        Requires.Tracing();
        using Reading reading = new();
        using BindTraceRegistry registry = new();
        using BindTrace events = registry.Start("some events", BindTraceMode.Event, OwnCalls with { Filter = OwnCalls.Filter with { IncludeError = true } }, 2);
        using BindTrace counts = registry.Start("some counts", BindTraceMode.Count, OwnCalls);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20972));
        }

        Assert.NotEqual(0, Sys.BindOnce("192.0.2.1", 20972));
        events.Stop();
        Assert.Equal(
            [
                "bindsnoop.trace=some counts network.transport=tcp network.type=ipv4 result=success 3",
                "bindsnoop.trace=some events network.transport=tcp network.type=ipv4 result=failure 1",
                "bindsnoop.trace=some events network.transport=tcp network.type=ipv4 result=success 3",
            ],
            reading.Of("bindsnoop.binds", "some"));
        Assert.Equal(["bindsnoop.trace=some events call=bind error.type=EADDRNOTAVAIL 1"], reading.Of("bindsnoop.errors", "some"));
        Assert.Equal(["bindsnoop.trace=some counts 3", "bindsnoop.trace=some events 4"], reading.Of("bindsnoop.received", "some"));
        Assert.Equal(["bindsnoop.trace=some events 2"], reading.Of("bindsnoop.queued", "some"));
        Assert.Contains("bindsnoop.trace=some events reason=queue 2", reading.Of("bindsnoop.dropped", "some"));
        registry.Remove(events);
        registry.Remove(counts);
        Assert.Empty(reading.Of("bindsnoop.binds", "some"));
    }

    [Fact]
    public void AcceptsAreCountedToo()
    {
        Requires.Tracing();
        using Reading reading = new();
        using AcceptTracer tracer = new(new() { Filter = new() { IncludeError = true, Comm = ["bindtruth"] } });
        IReadOnlyList<AcceptLine> truth = Truth.Accept("accept-tcp4", "accept-tcp6", "accept-einval");
        tracer.Stop();
        int seen = tracer.Read().Count();
        Assert.InRange(seen, 3, truth.Count);
        Assert.Equal(seen, Sum(reading.Of("bindsnoop.accepts")));
        Assert.Contains(reading.Of("bindsnoop.errors"), l => l.StartsWith("call=accept error.type=EINVAL ", StringComparison.Ordinal));
    }

    // ---- the text

    [Fact]
    public void TheTextIsWhatPrometheusReads()
    {
        MetricSet set = new();
        set.Add(Metric.Queued, 3, new KeyValuePair<string, string?>("bindsnoop.trace", "a\"b\\c\nd"));
        set.Add(Metric.Binds, 5, new("network.transport", "tcp"), new("server.port", null));
        set.Add(Metric.Binds, 6, new KeyValuePair<string, string?>("network.transport", "tcp"));
        set.Add(Metric.Received, 4);
        Assert.Equal(
            """
            # HELP bindsnoop_binds_total Calls of bind() by protocol, IP version and result.
            # TYPE bindsnoop_binds_total counter
            bindsnoop_binds_total{network_transport="tcp"} 11
            # HELP bindsnoop_received_total Calls that the kernel delivered or counted.
            # TYPE bindsnoop_received_total counter
            bindsnoop_received_total 4
            # HELP bindsnoop_queued Events in a background trace that wait to be fetched.
            # TYPE bindsnoop_queued gauge
            bindsnoop_queued{bindsnoop_trace="a\"b\\c\nd"} 3

            """,
            PrometheusText.Write(set));
        Assert.Equal("", PrometheusText.Write(new MetricSet()));
    }

    // ---- the file

    [Fact]
    public void TheFileIsReplacedWholeAndForAllToRead()
    {
        string path = Path.Combine(_directory, "a.prom");
        MetricFile file = new(path);
        file.Write(Some(1));
        using FileStream old = File.OpenRead(path);
        file.Write(Some(2));
        Assert.Contains("total 2\n", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Contains("total 1\n", new StreamReader(old).ReadToEnd(), StringComparison.Ordinal);
        Assert.Equal("644", Convert.ToString((int)new FileInfo(path).UnixFileMode, 8));
        Assert.Equal([path], Directory.GetFiles(_directory));
    }

    [Fact]
    public void ALinkStaysALink()
    {
        string path = Path.Combine(_directory, "a.prom");
        string link = Path.Combine(_directory, "link.prom");
        File.CreateSymbolicLink(link, path);
        new MetricFile(link).Write(Some(1));
        Assert.Equal(path, new FileInfo(link).LinkTarget);
        Assert.Null(new FileInfo(path).LinkTarget);
        Assert.NotEmpty(File.ReadAllText(path));
    }

    [Theory]
    [InlineData("", "InvalidMetricPath", TraceErrorKind.InvalidArgument)]
    [InlineData("/tmp", "InvalidMetricPath", TraceErrorKind.InvalidArgument)]
    [InlineData("/tmp/x/", "InvalidMetricPath", TraceErrorKind.InvalidArgument)]
    [InlineData("/dev/null", "InvalidMetricPath", TraceErrorKind.InvalidArgument)]
    [InlineData("/no/such/directory/a.prom", "MetricPathNotFound", TraceErrorKind.ObjectNotFound)]
    [InlineData("/etc/passwd/a.prom", "MetricPathNotFound", TraceErrorKind.ObjectNotFound)]
    public void APathThatCannotHoldAFileIsRefused(string path, string errorId, TraceErrorKind kind)
    {
        TraceException refusal = Assert.Throws<TraceException>(() => new MetricFile(path));
        Assert.Equal((errorId, kind, path), (refusal.ErrorId, refusal.Kind, refusal.Target));
        Assert.NotEmpty(refusal.RecommendedAction);
    }

    [Fact]
    public void AFileThatCannotBeWrittenIsAnErrorAndLeavesNothing()
    {
        // Not even root makes files there.
        MetricFile file = new("/sys/kernel/a.prom");
        TraceException refusal = Assert.Throws<TraceException>(() => file.Write(Some(1)));
        Assert.Equal("MetricFileNotWritten", refusal.ErrorId);
        Assert.Contains("/sys/kernel/a.prom", refusal.Message, StringComparison.Ordinal);

        string path = Path.Combine(_directory, "a.prom");
        file = new(path);
        Directory.CreateDirectory(path);
        Assert.Equal("InvalidMetricPath", Assert.Throws<TraceException>(() => file.Write(Some(1))).ErrorId);
        Assert.Empty(Directory.GetFiles(_directory));
    }

    private static TraceOptions OwnCalls => new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    private static MetricSet Some(long value)
    {
        MetricSet set = new();
        set.Add(Metric.Received, value);
        return set;
    }

    private static BindEvent Bind(ushort protocol = 6, int family = 2, int error = 0, ushort port = 8080, uint uid = 0, Task<BindFinding>? finding = null)
    {
        BindSample sample = new() { ProtocolNumber = protocol, AddressFamily = (ushort)family, Port = port };
        sample.Origin.ErrorCode = error;
        sample.Origin.Uid = uid;
        return new BindEvent(sample, new EventContext(0, Backend.Fentry, Finding: finding));
    }

    private static List<string> Lines(MetricTally tally, Metric metric)
    {
        MetricSet set = new();
        tally.WriteTo(set, null);
        return [.. set.Of(metric).Select(v => Line(v.Tags, v.Value)).Order(StringComparer.Ordinal)];
    }

    private static long Sum(List<string> lines) => lines.Sum(l => long.Parse(l.Split(' ')[^1], CultureInfo.InvariantCulture));

    private static string Line(ReadOnlySpan<KeyValuePair<string, object?>> tags, long value) =>
        string.Join(' ', [.. tags.ToArray().Select(t => $"{t.Key}={t.Value}"), $"{value}"]);

    /// <summary>A metrics client of .NET's own.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly List<(string Name, string Line)> _lines = [];

        public Reading()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == TraceMeter.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _lines.Add((instrument.Name, Line(tags, value))));
            _listener.Start();
        }

        /// <summary>The values of one metric now, of traces whose names begin so.</summary>
        public List<string> Of(string metric, string? trace = null)
        {
            _lines.Clear();
            _listener.RecordObservableInstruments();
            return
            [
                .. _lines.Where(l => l.Name == metric)
                    .Select(l => l.Line)
                    .Where(l => trace is null ? !l.StartsWith("bindsnoop.trace=", StringComparison.Ordinal) : l.StartsWith($"bindsnoop.trace={trace}", StringComparison.Ordinal))
                    .Order(StringComparer.Ordinal),
            ];
        }

        public void Dispose() => _listener.Dispose();
    }
}

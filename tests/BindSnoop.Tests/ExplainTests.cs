using System.Net;
using System.Net.Sockets;
using BindSnoop.Diagnosis;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Failures of a trace, and what is said of them.</summary>
public sealed class ExplainTests
{
    private static readonly TraceOptions s_own = new() { Explain = true, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    [Fact]
    public void FailuresAreExplained()
    {
        Requires.Tracing();
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        ushort port = (ushort)((IPEndPoint)listener.LocalEndPoint!).Port;
        using Socket bound = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using BindTracer tracer = new(s_own);
        Assert.Equal(Sys.EAddrInUse, Sys.BindOnce("127.0.0.1", port));
        Assert.NotEqual(0, Sys.BindOnce("192.0.2.250", 0));
        Assert.NotEqual(0, Sys.BindOnce("ff02::1", 0));
        Assert.NotEqual(0, Sys.Bind(bound, IPAddress.Loopback, 0));
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 0));
        BindEvent[] events = [.. tracer.Read().Take(5)];
        Assert.Equal(["Listening", "AddressNotLocal", "BadAddress", "AlreadyBound", null], events.Select(e => e.Cause));
        Assert.Equal(Environment.ProcessId, Assert.Single(events[0].Holders!).ProcessId);
        Assert.Contains($"(pid {Environment.ProcessId}, ", events[0].Explanation, StringComparison.Ordinal);
        Assert.Contains($"listens on TCP 127.0.0.1:{port}; ", events[0].Explanation, StringComparison.Ordinal);
        Assert.Empty(events[1].Holders!);
        Assert.Null(events[4].Explanation);
        Assert.Null(events[4].Holders);
        Assert.Equal(0, tracer.NotExplained);
    }

    /// <summary>With SO_REUSEADDR, which .NET sets, two may share a port that neither listens on; of those who listen the second is refused.</summary>
    [Fact]
    public void ListensThatFailAreExplained()
    {
        Requires.Tracing();
        using Socket first = Shared(0);
        int port = ((IPEndPoint)first.LocalEndPoint!).Port;
        using Socket second = Shared(port);
        using Socket datagrams = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using ListenTracer tracer = new(s_own);
        Assert.Equal(0, Sys.Listen(first));
        Assert.Equal(Sys.EAddrInUse, Sys.Listen(second));
        Assert.NotEqual(0, Sys.Listen(datagrams));
        client.Connect(first.LocalEndPoint!);
        Assert.NotEqual(0, Sys.Listen(client));
        ListenEvent[] events = [.. tracer.Read().Take(4)];
        Assert.Equal([null, "Listening", "CannotListen", "CannotListen"], events.Select(e => e.Cause));
        BindSocket holder = Assert.Single(events[1].Holders!);
        Assert.Equal((Environment.ProcessId, (long)Inode(first), "Listen"), (holder.ProcessId, holder.Inode, holder.State));
        Assert.Contains($"listens on TCP 127.0.0.1:{port}; ", events[1].Explanation, StringComparison.Ordinal);
        Assert.Equal("Sockets of the type DGRAM cannot listen; a datagram server receives without listen().", events[2].Explanation);
        Assert.Contains($"connected to 127.0.0.1:{port} (Established)", events[3].Explanation, StringComparison.Ordinal);
        Assert.All(events.Where(e => e.ErrorCode == 0), e => Assert.Null(e.Holders));
        Assert.Equal(0, tracer.NotExplained);

        static Socket Shared(int port)
        {
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }

        static long Inode(Socket socket) => long.Parse(
            new FileInfo($"/proc/self/fd/{socket.Handle}").LinkTarget!["socket:[".Length..^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Of a socket that listen() was to give a port to, there is none left.</summary>
    [Fact]
    public void AListenWithoutAPortIsExplainedByThePorts()
    {
        Requires.Tracing();
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_local_port_range", "50000 50001");
            using Socket one = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using Socket two = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using Socket three = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using ListenTracer tracer = new(s_own);
            Assert.Equal(0, Sys.Listen(one));
            Assert.Equal(0, Sys.Listen(two));
            Assert.Equal(Sys.EAddrInUse, Sys.Listen(three));
            ListenEvent failed = tracer.Read().First(e => e.ErrorCode != 0);
            Assert.Equal(("NoFreePort", 0, false), (failed.Cause, failed.Port, failed.PortChosen));
            Assert.Contains("net.ipv4.ip_local_port_range", failed.Explanation, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void NothingIsExplainedByDefault()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_own with { Explain = false, Filter = s_own.Filter with { IncludeError = true } });
        Assert.NotEqual(0, Sys.BindOnce("192.0.2.250", 0));
        Assert.Null(tracer.Read().First().Cause);
    }

    /// <summary>However fast binds fail, each has a cause, and none is lost for it.</summary>
    [Fact]
    public void ManyFailuresAreRationed()
    {
        Requires.Tracing();
        const int Many = 20_000;
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        ushort port = (ushort)((IPEndPoint)listener.LocalEndPoint!).Port;
        using BindTracer tracer = new(s_own);
        Thread binder = new(() =>
        {
            for (int i = 0; i < Many; i++)
            {
                _ = Sys.BindOnce("127.0.0.1", port);
            }
        });
        binder.Start();
        BindEvent[] events = [.. tracer.Read().Take(Many)];
        binder.Join();
        Assert.Equal(0, tracer.ReadStatistics().Dropped);
        Assert.All(events, e => Assert.True(e.Cause is "Listening" or "Unknown", e.Explanation));
        Assert.Equal(events.Count(e => e.Cause == "Unknown"), tracer.NotExplained);
        Assert.All(events.Where(e => e.Cause == "Unknown"), e => Assert.Contains("skipped", e.Explanation, StringComparison.Ordinal));
        Assert.Contains(events, e => e.Cause == "Listening");
        Assert.True(tracer.NotExplained > 0, "nothing had to be skipped");
    }

    /// <summary>Who wants one event alone, and reads its cause after the trace, gets it.</summary>
    [Fact]
    public void ACauseOutlivesTheTrace()
    {
        Requires.Tracing();
        BindEvent failed;
        using (BindTracer tracer = new(s_own))
        {
            Assert.NotEqual(0, Sys.BindOnce("192.0.2.250", 0));
            failed = tracer.Read().First();
        }

        Assert.Equal("AddressNotLocal", failed.Cause);
    }

    /// <summary>What waits when a trace ends says so, and nobody waits for it.</summary>
    [Fact]
    public void TheEndLeavesNobodyWaiting()
    {
        Requires.Tracing();
        BindTracer tracer = new(s_own);
        List<BindEvent> events;
        using (tracer)
        {
            for (int i = 0; i < 100; i++)
            {
                _ = Sys.BindOnce("192.0.2.250", 0);
            }

            events = [.. tracer.Read().Take(100)];
        }

        Assert.All(events, e => Assert.True(e.Cause is "AddressNotLocal" or "Unknown", e.Explanation));
    }

    [Fact]
    public void NothingStays()
    {
        Requires.Tracing();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        using (BindTracer tracer = new(s_own))
        {
            _ = Sys.BindOnce("192.0.2.250", 0);
            Assert.NotNull(tracer.Read().First().Cause);
        }

        Assert.Equal(before, KernelObjects.Descriptors());
        Assert.DoesNotContain(System.Diagnostics.Process.GetCurrentProcess().Threads.Cast<System.Diagnostics.ProcessThread>(), t => File.Exists($"/proc/self/task/{t.Id}/comm") && File.ReadAllText($"/proc/self/task/{t.Id}/comm").StartsWith("bind explainer", StringComparison.Ordinal));
    }

    /// <summary>Holders that went and errors of every kind, of events that need no kernel to fail.</summary>
    [Theory]
    [InlineData(98, "HolderGone")]
    [InlineData(1, "SecurityPolicy")]
    [InlineData(9, "NotASocket")]
    [InlineData(88, "NotASocket")]
    [InlineData(97, "BadAddress")]
    [InlineData(14, "BadAddress")]
    [InlineData(12, "Unknown")]
    public void ErrorsHaveCauses(int error, string cause)
    {
        BindEvent failed = Failure(error);
        BindFinding finding = new FailureRules([]).Explain(new FailedCall(failed));
        Assert.Equal(cause, finding.Cause);
        Assert.EndsWith(".", finding.Explanation, StringComparison.Ordinal);
        Assert.True(char.IsUpper(finding.Explanation[0]), finding.Explanation);
    }

    /// <summary>listen() takes no privileges, and no address.</summary>
    [Theory]
    [InlineData(98, "HolderGone")]
    [InlineData(13, "SecurityPolicy")]
    [InlineData(1, "SecurityPolicy")]
    [InlineData(22, "CannotListen")]
    [InlineData(95, "CannotListen")]
    [InlineData(105, "Unknown")]
    public void ErrorsOfListensHaveCauses(int error, string cause)
    {
        Abi.ListenSample sample = new()
        {
            Origin = new() { ErrorCode = error, NetworkNamespace = Host.NetworkNamespaces.Own, ProcessId = (uint)Environment.ProcessId },
            AddressFamily = 2,
            Port = 20977,
            ProtocolNumber = 6,
            SocketType = 1,
        };
        BindFinding finding = new FailureRules([]).Explain(new FailedCall(new ListenEvent(sample, new EventContext(0, Backend.Auto, "", ""))));
        Assert.Equal(cause, finding.Cause);
        Assert.Matches("^[A-Z].*[.]$", finding.Explanation);
    }

    private static BindEvent Failure(int error)
    {
        Abi.BindSample sample = new()
        {
            Origin = new() { ErrorCode = error, NetworkNamespace = Host.NetworkNamespaces.Own, ProcessId = (uint)Environment.ProcessId },
            Requested = new() { Family = 2, Port = 20977 },
            AddressFamily = 2,
            Port = 20977,
            ProtocolNumber = 6,
            SocketType = 1,
        };
        return new BindEvent(sample, new EventContext(0, Backend.Auto, "", ""));
    }
}

using System.Net;
using System.Net.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What each filter lets through of listens and what it stops, as events and as counts.</summary>
public sealed class ListenFilterTests
{
    /// <summary>An example of everything that a filter can distinguish.</summary>
    private static readonly string[] s_cases =
    [
        "listen-tcp4", "listen-tcp6", "listen-any", "listen-mapped", "listen-linklocal", "listen-again", "listen-thread", "listen-child",
        "listen-other-netns", "listen-other-user", "listen-comm", "listen-mptcp", "listen-hidden-unix", "listen-eaddrinuse", "listen-einval",
        "listen-eopnotsupp", "listen-ebadf",
    ];

    private static readonly TraceFilter s_everything = new() { IncludeError = true };

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    [Theory]
    [InlineData("21200")]
    [InlineData("21200-21203")]
    [InlineData("21201,21236,21238")]
    [InlineData("0")]
    public void Port(string ports)
    {
        PortRange[] ranges = [.. ports.Split(',').Select(PortRange.Parse)];
        Check(s_everything with { Port = ranges }, l => Matching.Port(ranges, l.Port));
    }

    [Fact]
    public void AllPorts() => Check(s_everything with { Port = [new(0, 65535)] }, _ => true, stopsSome: false);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::/0")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("fe80::/10")]
    public void Address(string addresses)
    {
        AddressPrefix[] prefixes = [.. addresses.Split(',').Select(AddressPrefix.Parse)];
        Check(s_everything with { Address = prefixes }, l => Matching.Address(addresses.Split(','), l.Address));
    }

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void AddressFamily(IPFamily family) =>
        Check(s_everything with { AddressFamily = [family] }, l => l.Family == family.ToString());

    [Theory]
    [InlineData(6)]
    [InlineData(17)]
    [InlineData(6, 262)]
    public void Protocol(params int[] numbers) =>
        Check(s_everything with { Protocol = [.. numbers.Select(n => (ushort)n)] }, l => numbers.Contains(l.Protocol));

    [Theory]
    [InlineData(0u)]
    [InlineData(12345u)]
    public void Uid(uint uid) => Check(s_everything with { Uid = [uid, 99999] }, l => l.Uid == uid);

    [Fact]
    public void Gid() => Check(s_everything with { Gid = [23456] }, l => l.Gid == 23456);

    [Theory]
    [InlineData("listener")]
    [InlineData("bindtruth")]
    [InlineData(@"\x1b[31m""\\\xff\x0a")]
    public void Comm(string comm) =>
        Check(s_everything with { Comm = [comm] }, l => DisplayText.Escape(Convert.FromHexString(l.CommHex)) == comm);

    [Fact]
    public void SuccessesOnly() => Check(new TraceFilter(), _ => true);

    [Fact]
    public void Everything() => Check(s_everything, _ => true, stopsSome: false);

    /// <summary>The same for every back end; the other tests make do with the first that works.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void Several(Backend backend)
    {
        Requires.Tracing(backend);
        PortRange[] ports = [new(21200, 21230)];
        string[] addresses = ["127.0.0.1", "::1"];
        Check(
            s_everything with
            {
                Port = ports,
                Address = [.. addresses.Select(AddressPrefix.Parse)],
                Uid = [0],
                Protocol = [6],
                Comm = ["bindtruth", "listener"],
            },
            l => Matching.Port(ports, l.Port) && Matching.Address(addresses, l.Address) && l.Uid == 0,
            backend: backend);
    }

    [Fact]
    public void ProcessIdAndCgroup()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string wanted = tree.Create("/wanted");
        string inner = tree.Create("/wanted/inner");
        string other = tree.Create("/wanted-not");
        ListenEvent[] events = Own(new() { Cgroup = [wanted], ProcessId = [(uint)Environment.ProcessId] }, () =>
        {
            foreach (string path in new[] { tree.Root, wanted, inner, other })
            {
                tree.Within(path, () => Listen(5).Dispose());
            }
        });
        Assert.Equal([wanted, inner], events.Select(e => e.CgroupPath));
        Assert.Empty(Own(new() { ProcessId = [1] }, () => Listen(5).Dispose()));
    }

    [Fact]
    public void PinnedMaps()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using BpfFileSystem fileSystem = new();
        using PinnedMap cgroups = new(fileSystem, "cgroups", sizeof(ulong));
        using PinnedMap namespaces = new(fileSystem, "namespaces", sizeof(uint));
        ListenEvent[] events = Own(new() { CgroupMap = cgroups.Path, MountNamespaceMap = namespaces.Path }, () =>
        {
            tree.Within(tree.Root, () =>
            {
                Listen(1).Dispose();
                cgroups.Add(tree.IdOf(tree.Root));
                Listen(2).Dispose();
                namespaces.Add(Sys.NamespaceOf("mnt"));
                Listen(3).Dispose();
            });
            Listen(4).Dispose();
        });
        Assert.Equal([3], events.Select(e => e.Backlog));
    }

    /// <summary>
    /// In a process with threads, a call that changes nothing cannot be known by its descriptor to have been of the
    /// socket: the tracepoints count it as lost.
    /// </summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void AgainWithTheSameBacklog(Backend backend)
    {
        Requires.Tracing(backend);
        using ListenCollector collector = new(new TraceOptions { Backend = backend, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        using (Socket socket = Listen(5))
        {
            socket.Listen(5);
            socket.Listen(9);
        }

        ListenEvent[] events = [.. collector.Finish(out TraceStatistics statistics)];
        (int?, bool)[] seen = [(5, false), (5, true), (9, true)];
        bool isTracepoint = backend == Backend.Tracepoint;
        Assert.Equal(isTracepoint ? [seen[0], seen[2]] : seen, events.Select(e => (e.Backlog, e.AlreadyListening)));
        Assert.Equal(isTracepoint ? 1 : 0, statistics.Dropped);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Counts(Backend backend)
    {
        Requires.Tracing(backend);
        using BindCounter counter = new(new TraceOptions { Backend = backend, Filter = s_everything with { Comm = ["bindtruth"] } }, CountedCall.Listen);
        ListenLine[] lines =
        [
            .. Truth.Listen(s_cases).Where(l => l.Skipped is null && Convert.FromHexString(l.CommHex).AsSpan().SequenceEqual("bindtruth"u8))
                .Select(l => Seen.As(l, backend, s_everything)).OfType<ListenLine>(),
        ];
        counter.Stop();
        Assert.NotEmpty(lines);
        Assert.Equal(
            lines.GroupBy(l => $"{l.Address}:{l.Port} {l.Protocol} {l.Family} {l.Ifindex} {l.ErrorName}").Select(g => $"{g.Key} {g.Count()}").Order(StringComparer.Ordinal),
            counter.Read().Select(c => $"{WithoutScope(c.Address)}:{c.Port} {c.ProtocolNumber} {c.AddressFamily} {c.InterfaceIndex} {c.ErrorName} {c.Count}").Order(StringComparer.Ordinal));
        Assert.Equal(0, counter.ReadStatistics().Dropped);
    }

    [Fact]
    public void NoProgramsOfTheCgroup()
    {
        Requires.Tracing();
        Assert.Equal("NoCgroupPrograms", Assert.Throws<TraceException>(() => new ListenTracer(new TraceOptions { Backend = Backend.Cgroup })).ErrorId);
        using ListenTracer tracer = new(new TraceOptions());
        Assert.NotEqual(Backend.Cgroup, tracer.Backend);
    }

    private static void Check(
        TraceFilter filter, Func<ListenLine, bool> passes, bool passesSome = true, bool stopsSome = true, Backend backend = Backend.Auto)
    {
        Requires.Tracing();
        Backend used = backend;
        FilterRun<ListenLine, ListenEvent> run = new(
            new ListenCollector(new TraceOptions { Backend = backend, Filter = filter }),
            () => Truth.Listen(s_cases),
            (line, inUse) => Seen.As(line, used = inUse, s_everything));
        run.Check(l => Seen.As(l, used, filter) is not null && passes(l), Describe, Describe, passesSome, stopsSome);
    }

    /// <summary>The events that come of what is done in this process.</summary>
    private static ListenEvent[] Own(TraceFilter filter, Action action)
    {
        Requires.Tracing();
        FilterRun<ListenLine, ListenEvent> run = new(
            new ListenCollector(new TraceOptions { Filter = filter }), () => [], (_, _) => null, action);
        return [.. run.Events];
    }

    private static Socket Listen(int backlog)
    {
        Socket socket = new(System.Net.Sockets.AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(backlog);
        return socket;
    }

    private static string Describe(ListenLine line) =>
        $"{line.Tid} uid {line.Uid} {line.Protocol} {line.Address}:{line.Port} {line.Backlog} {line.ErrorName}";

    private static string Describe(ListenEvent e) =>
        $"{e.ThreadId} uid {e.Uid} {e.ProtocolNumber} {WithoutScope(e.Address)}:{e.Port} {e.Backlog} {e.ErrorName}";

    private static string? WithoutScope(string? address) => address?.Split('%')[0];
}

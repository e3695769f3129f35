using System.Net;
using System.Net.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What each filter lets through of releases and what it stops; what was bound before a trace; full memory.</summary>
public sealed class ReleaseFilterTests
{
    /// <summary>An example of everything that a filter can distinguish.</summary>
    private static readonly string[] s_cases =
    [
        "release-tcp4", "release-tcp6", "release-linklocal", "release-udp", "release-mptcp", "release-exit", "release-thread", "release-last", "release-other-netns",
        "release-other-user", "release-comm", "release-shutdown-chosen", "release-hidden-clients",
    ];

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    [Theory]
    [InlineData("21300")]
    [InlineData("21301-21312")]
    public void Port(string ports)
    {
        PortRange[] ranges = [.. ports.Split(',').Select(PortRange.Parse)];
        Check(new() { Port = ranges }, l => Matching.Port(ranges, l.Port));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::/0")]
    [InlineData("fe80::/10")]
    public void Address(string addresses) =>
        Check(new() { Address = [.. addresses.Split(',').Select(AddressPrefix.Parse)] }, l => Matching.Address(addresses.Split(','), l.Address));

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void AddressFamily(IPFamily family) => Check(new() { AddressFamily = [family] }, l => l.Family == family.ToString());

    [Fact]
    public void Protocol()
    {
        RequireMoreThanListeners();
        Check(new() { Protocol = [17] }, l => l.Protocol == 17);
    }

    [Fact]
    public void Uid() => Check(new() { Uid = [12345] }, l => l.Uid == 12345);

    [Fact]
    public void Gid() => Check(new() { Gid = [23456] }, l => l.Gid == 23456);

    [Theory]
    [InlineData("closer")]
    [InlineData(@"\x1b[31m""\\\xff\x0a")]
    public void Comm(string comm) => Check(new() { Comm = [comm] }, l => DisplayText.Escape(Convert.FromHexString(l.CommHex)) == comm);

    [Fact]
    public void Everything() => Check(new(), _ => true, stopsSome: false);

    /// <summary>The same for every back end; the other tests make do with the first that works.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void Several(Backend backend)
    {
        Requires.Tracing(backend);
        PortRange[] ports = [new(21300, 21320)];
        Check(
            new() { Port = ports, Address = [AddressPrefix.Parse("127.0.0.0/8")], Uid = [0], Protocol = [6], Comm = ["bindtruth", "closer"] },
            l => Matching.Port(ports, l.Port) && Matching.Address(["127.0.0.0/8"], l.Address) && l.Protocol == 6,
            backend);
    }

    [Fact]
    public void Cgroup()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string wanted = tree.Create("/wanted");
        string other = tree.Create("/wanted-not");
        ReleaseEvent[] events = Own(new() { Cgroup = [wanted], ProcessId = [(uint)Environment.ProcessId] }, () =>
        {
            foreach (string path in new[] { tree.Root, wanted, other })
            {
                tree.Within(path, () => Bound().Dispose());
            }
        });
        Assert.Equal([wanted], events.Select(e => e.CgroupPath));
    }

    /// <summary>A process that exits is in no mount namespace any more: the one counts in which it bound the socket.</summary>
    [Fact]
    public void MountNamespaceOfAProcessThatExits()
    {
        RequireMoreThanListeners();
        using BpfFileSystem fileSystem = new();
        using PinnedMap namespaces = new(fileSystem, "namespaces", sizeof(uint));
        using ReleaseCollector none = new(new TraceOptions { Filter = new() { MountNamespaceMap = namespaces.Path } });
        Truth.Release("release-exit");
        Assert.Empty(none.Finish());
        namespaces.Add(Sys.NamespaceOf("mnt"));
        using ReleaseCollector own = new(new TraceOptions { Filter = new() { MountNamespaceMap = namespaces.Path } });
        ReleaseLine line = Assert.Single(Truth.Release("release-exit"));
        ReleaseEvent release = Assert.Single(own.Finish(), e => e.ProcessId == line.Pid);
        Assert.Equal(Sys.NamespaceOf("mnt"), release.MountNamespace);
    }

    /// <summary>Of what was bound before, it is not known for how long; sockets that may be a client's are left out.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void BoundBeforeTheTrace(Backend backend)
    {
        Requires.Tracing(backend);
        using Socket listening = Bound();
        listening.Listen();
        using Socket bound = Bound();
        using Socket datagram = new(SocketType.Dgram, ProtocolType.Udp);
        datagram.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        using Socket open = new(System.Net.Sockets.AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        open.Bind(new IPEndPoint(IPAddress.Any, 0));
        string[] expected = backend == Backend.Tracepoint ? ["Listen "] : ["Listen ", "Bound ", "Unconnected "];
        ReleaseEvent[] events = Own(new() { ProcessId = [(uint)Environment.ProcessId] }, () => Array.ForEach([listening, bound, datagram, open], s => s.Dispose()), backend);
        Assert.Equal(expected, events.Select(e => $"{e.State} {e.BoundFor}"));
    }

    [Fact]
    public void MoreThanCanBeRemembered()
    {
        RequireMoreThanListeners();
        using ReleaseCollector collector = new(new TraceOptions { BoundCapacity = 100, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        Assert.Empty(collector.Tracer.ReadWarnings());
        Socket[] sockets = [.. Enumerable.Range(0, 150).Select(_ => Bound())];
        string[] warnings = [.. collector.Tracer.ReadWarnings(), .. collector.Tracer.ReadWarnings()];
        Array.ForEach(sockets, s => s.Dispose());
        Bound().Dispose();
        ReleaseEvent[] events = [.. collector.Finish().Where(e => e.ProcessId == Environment.ProcessId)];
        Assert.Equal("More sockets are bound than a trace can remember: for some, it will be unknown how long they were bound.", Assert.Single(warnings));
        Assert.Equal(151, events.Length);
        Assert.InRange(events.Count(e => e.BoundFor is not null), 1, 101);
        Assert.NotNull(events[^1].BoundFor);
    }

    /// <summary>Tracepoint sees no binds, and only listeners.</summary>
    private static void RequireMoreThanListeners()
    {
        Requires.Tracing();
        Assert.SkipUnless(
            new[] { Backend.Fentry, Backend.Kprobe, Backend.Cgroup }.Any(Requires.Works), "Only the Tracepoint back end works here.");
    }

    private static void Check(TraceFilter filter, Func<ReleaseLine, bool> passes, Backend backend = Backend.Auto) => Check(filter, passes, true, backend);

    private static void Check(TraceFilter filter, Func<ReleaseLine, bool> passes, bool stopsSome, Backend backend = Backend.Auto)
    {
        Requires.Tracing();
        FilterRun<ReleaseLine, ReleaseEvent> run = new(
            new ReleaseCollector(new TraceOptions { Backend = backend, Filter = filter }), () => Truth.Release(s_cases), Seen.As);
        run.Check(passes, Describe, Describe, passesSome: true, stopsSome);
    }

    /// <summary>The events that come of what is done in this process.</summary>
    private static ReleaseEvent[] Own(TraceFilter filter, Action action, Backend backend = Backend.Auto)
    {
        Requires.Tracing();
        FilterRun<ReleaseLine, ReleaseEvent> run = new(
            new ReleaseCollector(new TraceOptions { Backend = backend, Filter = filter }), () => [], (_, _) => null, action);
        return [.. run.Events];
    }

    private static Socket Bound()
    {
        Socket socket = new(System.Net.Sockets.AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static string Describe(ReleaseLine line) => $"{line.Tid} uid {line.Uid} {line.Protocol} {line.Address}:{line.Port} {line.State}";

    private static string Describe(ReleaseEvent e) => $"{e.ThreadId} uid {e.Uid} {e.ProtocolNumber} {e.Address.Split('%')[0]}:{e.Port} {e.State}";
}

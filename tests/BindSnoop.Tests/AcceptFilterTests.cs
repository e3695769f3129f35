using System.Net;
using System.Net.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What each filter lets through of accepts and what it stops.</summary>
public sealed class AcceptFilterTests
{
    /// <summary>An example of everything that a filter can distinguish.</summary>
    private static readonly string[] s_cases =
    [
        "accept-tcp4", "accept-tcp6", "accept-mapped", "accept-any", "accept-linklocal", "accept-many", "accept4-flags", "accept-thread",
        "accept-child", "accept-other-netns", "accept-other-user", "accept-comm", "accept-mptcp", "accept-mptcp-plain",
        "accept-hidden-unix", "accept-eagain", "accept-eintr", "accept-einval", "accept4-einval-flags", "accept-eopnotsupp",
        "accept-emfile", "accept-ebadf", "accept-aborted", "accept-shutdown",
    ];

    private static readonly TraceFilter s_everything = new() { IncludeError = true, IncludeWouldBlock = true };

    private static uint Self => (uint)Environment.ProcessId;

    // ---- ports

    [Theory]
    [InlineData("20800")]
    [InlineData("20800-20803")]
    [InlineData("20806,20821,20824-20827")]
    [InlineData("0")]
    [InlineData("1024-65535")]
    public void Port(string ports)
    {
        PortRange[] ranges = [.. ports.Split(',').Select(PortRange.Parse)];
        Check(s_everything with { Port = ranges }, l => Matching.Port(ranges, l.LocalPort));
    }

    [Fact]
    public void PortOfThePeerIsNotTheLocalOne() =>
        Check(s_everything with { Port = [new(32768, 60999)] }, _ => false, passesSome: false);

    [Fact]
    public void AllPorts() => Check(s_everything with { Port = [new(0, 65535)] }, _ => true, stopsSome: false);

    /// <summary>Failed calls have no peer, so that no filter for peers lets them through.</summary>
    [Fact]
    public void AllRemotePorts() => Check(s_everything with { RemotePort = [new(0, 65535)] }, l => l.Error == 0);

    [Fact]
    public void RemotePort()
    {
        PortRange[] ranges = [new(20990, 20991), new(20993, 20993)];
        AcceptEvent[] events = Own(new() { RemotePort = ranges }, () =>
        {
            for (int port = 20989; port <= 20994; port++)
            {
                Accept("127.0.0.1", port);
                Accept("::1", port);
            }
        });
        Assert.Equal([20990, 20990, 20991, 20991, 20993, 20993], events.Select(e => e.RemotePort));
        Assert.Equal(3, events.Count(e => e.AddressFamily == "IPv6"));
    }

    // ---- addresses

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.2")]
    [InlineData("127.0.0.0/8")]
    [InlineData("127.0.0.2/31")]
    [InlineData("0.0.0.0/0")]
    [InlineData("::1")]
    [InlineData("::/0")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("fe80::/10")]
    [InlineData("127.0.0.2,fe80::1,::1")]
    public void Address(string addresses)
    {
        AddressPrefix[] prefixes = [.. addresses.Split(',').Select(AddressPrefix.Parse)];
        Check(s_everything with { Address = prefixes }, l => Matching.Address(addresses.Split(','), l.LocalAddress));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("126.0.0.0/7")]
    [InlineData("::1")]
    [InlineData("::ffff:0:0/96")]
    [InlineData("::1,fe80::1")]
    [InlineData("0.0.0.0/0,::/0")]
    public void RemoteAddress(string addresses)
    {
        AddressPrefix[] prefixes = [.. addresses.Split(',').Select(AddressPrefix.Parse)];
        Check(s_everything with { RemoteAddress = prefixes }, l => Matching.Address(addresses.Split(','), l.RemoteAddress));
    }

    [Fact]
    public void RemoteAddressIsNotTheLocalOne() =>
        Check(s_everything with { RemoteAddress = [AddressPrefix.Parse("127.0.0.2")] }, _ => false, passesSome: false);

    [Fact]
    public void RemoteAddresses()
    {
        AddressPrefix[] prefixes = [AddressPrefix.Parse("127.0.1.0/24"), AddressPrefix.Parse("127.3.0.0/16")];
        AcceptEvent[] events = Own(new() { RemoteAddress = prefixes }, () =>
        {
            Accept("127.0.0.255");
            Accept("127.0.1.0");
            Accept("127.0.1.255");
            Accept("127.0.2.0");
            Accept("127.3.2.1");
            Accept("127.4.0.0");
        });
        Assert.Equal(["127.0.1.0", "127.0.1.255", "127.3.2.1"], events.Select(e => e.RemoteAddress));
        Assert.All(events, e => Assert.Equal("127.0.0.1", e.LocalAddress));
    }

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void AddressFamily(IPFamily family) =>
        Check(s_everything with { AddressFamily = [family] }, l => l.Family == family.ToString());

    [Fact]
    public void BothAddressFamilies() =>
        Check(s_everything with { AddressFamily = [IPFamily.IPv4, IPFamily.IPv6] }, _ => true, stopsSome: false);

    [Theory]
    [InlineData(6)]
    [InlineData(262)]
    [InlineData(6, 262)]
    public void Protocol(params int[] numbers)
    {
        Requires.Tracing();
        bool hasMptcp = Truth.Accept("accept-mptcp").Any(l => l.Skipped is null);
        Assert.SkipUnless(hasMptcp || !numbers.Contains(262), "this kernel has no MPTCP");
        Check(
            s_everything with { Protocol = [.. numbers.Select(n => (ushort)n)] },
            l => numbers.Contains(l.Protocol),
            stopsSome: hasMptcp && numbers.Length == 1);
    }

    // ---- who accepts

    [Fact]
    public void ProcessId()
    {
        AcceptEvent[] events = Own(new() { ProcessId = [1, Self] }, OnTwoThreads);
        Assert.Equal(2, events.Select(e => e.ThreadId).Distinct().Count());
        Assert.All(events, e => Assert.Equal(Environment.ProcessId, e.ProcessId));
        Assert.Empty(Own(new() { ProcessId = [(uint)events.Max(e => e.ThreadId)] }, OnTwoThreads));

        static void OnTwoThreads()
        {
            Accept("127.0.0.1");
            Thread thread = new(() => Accept("127.0.0.1"));
            thread.Start();
            thread.Join();
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(12345u)]
    public void Uid(uint uid) => Check(s_everything with { Uid = [uid, 99999] }, l => l.Uid == uid);

    [Fact]
    public void Gid() => Check(s_everything with { Gid = [23456] }, l => l.Gid == 23456);

    [Theory]
    [InlineData("acceptor")]
    [InlineData("bindtruth")]
    [InlineData(@"\x1b[31m""\\\xff\x0a")]
    public void Comm(string comm) =>
        Check(s_everything with { Comm = [comm] }, l => DisplayText.Escape(Convert.FromHexString(l.CommHex)) == comm);

    [Fact]
    public void Cgroup()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string wanted = tree.Create("/wanted");
        string inner = tree.Create("/wanted/inner");
        string other = tree.Create("/wanted-not");
        AcceptEvent[] events = Own(new() { Cgroup = [wanted] }, () =>
        {
            foreach (string path in new[] { tree.Root, wanted, inner, other })
            {
                tree.Within(path, () => Accept("127.0.0.1"));
            }
        });
        Assert.Equal([wanted, inner], events.Select(e => e.CgroupPath));
    }

    [Fact]
    public void PinnedMaps()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using BpfFileSystem fileSystem = new();
        using PinnedMap cgroups = new(fileSystem, "cgroups", sizeof(ulong));
        using PinnedMap namespaces = new(fileSystem, "namespaces", sizeof(uint));
        AcceptEvent[] events = Own(new() { CgroupMap = cgroups.Path, MountNamespaceMap = namespaces.Path }, () =>
        {
            tree.Within(tree.Root, () =>
            {
                Accept("127.0.0.1");
                cgroups.Add(tree.IdOf(tree.Root));
                Accept("127.0.0.2");
                namespaces.Add(Sys.NamespaceOf("mnt"));
                Accept("127.0.0.3");
            });
            Accept("127.0.0.4");
        });
        Assert.Equal(["127.0.0.3"], events.Select(e => e.RemoteAddress));
    }

    // ---- errors

    [Fact]
    public void SuccessesOnly() => Check(new TraceFilter(), _ => true);

    [Fact]
    public void ErrorsToo() => Check(new TraceFilter { IncludeError = true }, _ => true);

    /// <summary>The one means nothing without the other.</summary>
    [Fact]
    public void ThoseThatWouldBlockAreErrors() => Check(new TraceFilter { IncludeWouldBlock = true }, _ => true);

    [Fact]
    public void Everything() => Check(s_everything, _ => true, stopsSome: false);

    // ---- several at once: all must agree

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    /// <summary>The same for every back end; the other tests make do with the first that works.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void Several(Backend backend)
    {
        Requires.Tracing(backend);
        PortRange[] ports = [new(20800, 20810)];
        string[] addresses = ["127.0.0.1", "::1"];
        Check(
            s_everything with
            {
                Port = ports,
                Address = [.. addresses.Select(AddressPrefix.Parse)],
                RemoteAddress = [.. addresses.Select(AddressPrefix.Parse)],
                RemotePort = [new(1024, 65535)],
                Uid = [0],
                Comm = ["bindtruth", "acceptor"],
            },
            l => Matching.Port(ports, l.LocalPort) && Matching.Address(addresses, l.LocalAddress) && Matching.Address(addresses, l.RemoteAddress),
            backend: backend);
    }

    [Fact]
    public void NothingSatisfiesBoth() =>
        Check(s_everything with { Uid = [12345], AddressFamily = [IPFamily.IPv6] }, _ => false, passesSome: false);

    // ---- helpers

    private static void Check(
        TraceFilter filter, Func<AcceptLine, bool> passes, bool passesSome = true, bool stopsSome = true, Backend backend = Backend.Auto)
    {
        Requires.Tracing();
        Backend used = backend;
        FilterRun<AcceptLine, AcceptEvent> run = new(
            new AcceptCollector(new TraceOptions { Backend = backend, Filter = filter }),
            () => Truth.Accept(s_cases),
            (line, inUse) => Seen.As(line, used = inUse, s_everything));
        run.Check(l => Seen.As(l, used, filter) is not null && passes(l), Describe, Describe, passesSome, stopsSome);
    }

    /// <summary>The events that come of what is done in this process.</summary>
    private static AcceptEvent[] Own(TraceFilter filter, Action action)
    {
        Requires.Tracing();
        FilterRun<AcceptLine, AcceptEvent> run = new(
            new AcceptCollector(new TraceOptions { Filter = filter }), () => [], (_, _) => null, action);
        return [.. run.Events];
    }

    /// <summary>Accepts a connection on the loopback address of the client's family.</summary>
    private static void Accept(string client, int port = 0)
    {
        IPAddress address = IPAddress.Parse(client);
        IPAddress server = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback;
        using Socket listener = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(server, 0));
        listener.Listen();
        using Socket connecting = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        connecting.Bind(new IPEndPoint(address, port));
        connecting.Connect(listener.LocalEndPoint!);
        using Socket accepted = listener.Accept();

        // A reset, so that the next test finds the port free.
        connecting.LingerState = new LingerOption(true, 0);
    }

    private static string Describe(AcceptLine line) =>
        $"{line.Tid} uid {line.Uid} {line.Protocol} {line.LocalAddress}:{line.LocalPort} {line.RemoteAddress}:{line.RemotePort ?? 0} {line.ErrorName}";

    private static string Describe(AcceptEvent e) =>
        $"{e.ThreadId} uid {e.Uid} {e.ProtocolNumber} {WithoutScope(e.LocalAddress)}:{e.LocalPort} {WithoutScope(e.RemoteAddress)}:{e.RemotePort} {e.ErrorName}";

    private static string? WithoutScope(string? address) => address?.Split('%')[0];
}

using Xunit;

namespace BindSnoop.Tests;

/// <summary>What each filter lets through and what it stops, measured against the truth program.</summary>
public sealed class FilterTests
{
    /// <summary>An example of everything that a filter can distinguish.</summary>
    private static readonly string[] s_cases =
    [
        "tcp4-any", "tcp4-loopback", "tcp4-specific", "udp4-loopback", "tcp6-any", "tcp6-loopback", "udp6-any", "tcp4-port-zero",
        "tcp6-port-zero", "tcp4-port-zero-later", "tcp6-mapped", "udp6-mapped", "tcp6-mapped-any", "tcp6-linklocal", "udp4-multicast",
        "udp4-broadcast", "tcp4-port-65535", "tcp4-port-1", "freebind4-nonlocal", "freebind6-nonlocal", "eaddrinuse-tcp4",
        "eaddrinuse-udp6", "eaddrnotavail4", "eaddrnotavail6", "eacces4", "einval-twice4", "einval-twice6", "einval-short4",
        "eafnosupport4", "eafnosupport6", "unspec4-any", "ebadf", "enotsock", "efault", "raw4-icmp", "raw6-icmp", "raw4-port",
        "raw4-eaddrnotavail", "ping4", "mptcp4", "mptcp4-eaddrinuse", "sctp4", "five-ports", "thread", "thread-comm", "other-user",
        "huge-user", "effective-user", "other-userns", "comm-escape", "comm-full",
    ];

    // ---- ports

    [Theory]
    [InlineData("20021")]
    [InlineData("20510-20513")]
    [InlineData("20021,20300,20510-20511,20514")]
    [InlineData("0")]
    [InlineData("0-1")]
    [InlineData("1")]
    [InlineData("80")]
    [InlineData("65535")]
    [InlineData("1024-65535")]
    [InlineData("20031-20032")]
    public void Port(string ports)
    {
        PortRange[] ranges = [.. ports.Split(',').Select(PortRange.Parse)];
        Check(new TraceFilter { Port = ranges, IncludeError = true }, l => HasPort(l, ranges));
    }

    [Fact]
    public void AllPorts() =>
        Check(new TraceFilter { Port = [new PortRange(0, 65535)], IncludeError = true }, _ => true, stopsSome: false);

    /// <summary>The peers' own test: five ports bound, four of them requested.</summary>
    [Fact]
    public void FourOfFivePorts()
    {
        PortRange[] ports = [new(20510, 20511), new(20513, 20513), new(20514, 20514)];
        IReadOnlyList<BindEvent> events = Trace(new TraceFilter { Port = ports }, ["five-ports"], out _);
        Assert.Equal([20510, 20511, 20513, 20514], events.Select(e => e.Port));
    }

    [Fact]
    public void PortOfAFailedBind()
    {
        TraceFilter filter = new() { Port = [new PortRange(20300, 20300)], IncludeError = true };
        IReadOnlyList<BindEvent> events = Trace(filter, ["eaddrinuse-tcp4"], out _);
        Assert.Equal([("", 20300), ("EADDRINUSE", 20300)], events.Select(e => (e.ErrorName, e.Port)));
    }

    /// <summary>A caller that requests port 0 is found by the resulting port, and by the 0.</summary>
    [Fact]
    public void PortThatTheKernelChose()
    {
        foreach (PortRange range in new PortRange[] { new(1, 65535), new(0, 0) })
        {
            BindEvent found = Assert.Single(Trace(new TraceFilter { Port = [range] }, ["tcp4-port-zero"], out _));
            Assert.Equal(0, found.RequestedPort);
            Assert.NotEqual(0, found.Port);
        }

        // With IP_BIND_ADDRESS_NO_PORT it chooses none yet.
        Assert.Empty(Trace(new TraceFilter { Port = [new(1, 65535)] }, ["tcp4-port-zero-later"], out _));
    }

    /// <summary>In the kernel's terms: what names no port is left out, but raw sockets have none to name.</summary>
    [Fact]
    public void RequestedOnly() =>
        Check(
            new TraceFilter { RequestedOnly = true, IncludeError = true },
            l => l.RequestedPort is not 0 || l.Type == "RAW");

    [Fact]
    public void RequestedOnlyAndPort() =>
        Check(
            new TraceFilter { RequestedOnly = true, Port = [new(0, 65535)] },
            l => l.RequestedPort is not 0 || l.Type == "RAW");

    /// <summary>
    /// Where a program of a cgroup puts another port into the kernel's copy of the address, the call is found by what
    /// the program requested and by what the kernel was given, and shows the latter.
    /// </summary>
    [Theory]
    [InlineData(Backend.Fentry)]
    [InlineData(Backend.Kprobe)]
    [InlineData(Backend.Tracepoint)]
    [InlineData(Backend.Cgroup)]
    public void PortThatACgroupRewrites(Backend backend)
    {
        const ushort Asked = 21080;
        const ushort Given = 21090;
        Requires.Tracing(backend);
        using CgroupTree tree = new();
        using PortRewriter rewriter = new(tree.Root, Asked, Given);
        foreach (ushort port in new[] { Asked, Given })
        {
            Assert.SkipWhen(
                port == Asked && backend != Backend.Tracepoint && !Loading.TracerDefinition.KernelTypes.HasTaskRegisters,
                "before 5.15 only the tracepoints know what the program asked for");
            using Collector collector = new(new TraceOptions { Backend = backend, Filter = new() { Port = [new(port, port)], Cgroup = [tree.Root] } });
            tree.Within(tree.Root, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", Asked)));
            BindEvent found = Assert.Single(collector.Finish());
            Assert.Equal(((int)Given, (int)Given), (found.Port, found.RequestedPort));
        }
    }

    /// <summary>Where others show the protocol number of a raw socket as its port, and ICMP as port 1.</summary>
    [Fact]
    public void ProtocolOfARawSocketIsNoPort() =>
        Assert.Empty(Trace(new TraceFilter { Port = [new(1, 1)] }, ["raw4-icmp", "raw6-icmp"], out _));

    // ---- processes and users

    [Fact]
    public void ProcessId()
    {
        uint own = (uint)Environment.ProcessId;
        IReadOnlyList<BindEvent> events = Trace(new TraceFilter { ProcessId = [own] }, ["tcp4-loopback"], out _, OnThisAndAnotherThread);
        Assert.Equal([20910, 20911], events.Select(e => e.Port));
        Assert.All(events, e => Assert.Equal(Environment.ProcessId, e.ProcessId));
        Assert.NotEqual(events[0].ThreadId, events[1].ThreadId);

        // Any of several; and a thread is not a process.
        Assert.Equal(2, Trace(new TraceFilter { ProcessId = [1, own, 4194303] }, [], out _, OnThisAndAnotherThread).Count);
        Assert.Empty(Trace(new TraceFilter { ProcessId = [(uint)events[1].ThreadId, (uint)events[0].ThreadId + 1_000_000] }, [], out _, OnThisAndAnotherThread));

        static void OnThisAndAnotherThread()
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20910));
            Thread thread = new(() => Sys.BindOnce("127.0.0.1", 20911));
            thread.Start();
            thread.Join();
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(12345u)]
    [InlineData(65534u, 4294967294u)]
    public void Uid(params uint[] uids) =>
        Check(new TraceFilter { Uid = uids, IncludeError = true }, l => uids.Contains(l.Uid));

    /// <summary>The real one counts.</summary>
    [Fact]
    public void EffectiveUidIsNotAsked() =>
        Assert.Empty(Trace(new TraceFilter { Uid = [34567] }, ["effective-user"], out _));

    [Theory]
    [InlineData(0u)]
    [InlineData(23456u)]
    [InlineData(65534u, 4294967293u)]
    public void Gid(params uint[] gids) =>
        Check(new TraceFilter { Gid = gids, IncludeError = true }, l => gids.Contains(l.Gid));

    [Theory]
    [InlineData("6869")]
    [InlineData("62696e647472757468")]
    [InlineData("612d746872656164", "7468652d6c6561646572")]
    [InlineData("1b5b324a1b5b33316d7265641b5b")]
    [InlineData("6669667465656e2d6c657474657273")]
    public void Comm(params string[] names)
    {
        string[] comms = [.. names.Select(n => DisplayText.Escape(Convert.FromHexString(n)))];
        Check(
            new TraceFilter { Comm = comms, IncludeError = true },
            l => names.Contains(l.CommHex),
            passesSome: names is not ["6869"]);
    }

    public static IEnumerable<TheoryDataRow<string>> CommCases() =>
        Truth.Cases.Names.Where(c => c.StartsWith("comm-", StringComparison.Ordinal) && c != "comm-empty").Select(c => new TheoryDataRow<string>(c));

    /// <summary>What an event shows as the name finds that very name, whatever it is made of.</summary>
    [Theory]
    [MemberData(nameof(CommCases))]
    public void CommAsShown(string name)
    {
        string shown = Assert.Single(Trace(new TraceFilter(), [name], out _)).Comm;
        Assert.Equal(shown, Assert.Single(Trace(new TraceFilter { Comm = [shown] }, [name, "tcp4-loopback"], out _)).Comm);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sixteen-letters!")]
    [InlineData("ääääääää")]
    [InlineData(@"nul\x00")]
    public void CommThatCannotBe(string comm)
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = new() { Comm = [comm] } }).Dispose());
        Assert.Equal("InvalidComm", exception.ErrorId);
        Assert.Equal(comm, exception.Target);
    }

    // ---- sockets and addresses

    [Theory]
    [InlineData(6)]
    [InlineData(17)]
    [InlineData(1)]
    [InlineData(262)]
    [InlineData(6, 262)]
    [InlineData(58, 1, 17)]
    public void Protocol(params int[] numbers)
    {
        Requires.Tracing();
        Assert.SkipWhen(
            numbers is [262] && Truth.Run("mptcp4").All(l => l.Skipped is not null), "this kernel has no MPTCP");
        Check(
            new TraceFilter { Protocol = [.. numbers.Select(n => (ushort)n)], IncludeError = true },
            l => numbers.Contains(l.Protocol));
    }

    [Fact]
    public void ProtocolNobodyHas() =>
        Check(new TraceFilter { Protocol = [511, 7, 17 + 256], IncludeError = true }, _ => false, passesSome: false);

    [Fact]
    public void ProtocolThatCannotBe()
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = new() { Protocol = [512] } }).Dispose());
        Assert.Equal("InvalidProtocol", exception.ErrorId);
    }

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void AddressFamily(IPFamily family) =>
        Check(new TraceFilter { AddressFamily = [family], IncludeError = true }, l => l.Family == family.ToString());

    [Fact]
    public void BothAddressFamilies() =>
        Check(new TraceFilter { AddressFamily = [IPFamily.IPv4, IPFamily.IPv6], IncludeError = true }, _ => true, stopsSome: false);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.0/8")]
    [InlineData("126.0.0.0/7")]
    [InlineData("0.0.0.0")]
    [InlineData("0.0.0.0/0")]
    [InlineData("0.0.0.0/1")]
    [InlineData("192.0.2.1")]
    [InlineData("192.0.2.0/31")]
    [InlineData("10.77.0.1")]
    [InlineData("224.0.0.0/4")]
    [InlineData("255.255.255.255")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("::/0")]
    [InlineData("::/96")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:0:0/96")]
    [InlineData("fe80::/10")]
    [InlineData("2001:db8::/32")]
    [InlineData("2001:db8::1/128")]
    [InlineData("127.0.0.1,::1")]
    [InlineData("10.0.0.0/8,192.0.2.1/32,fe80::1,127.0.0.0/8")]
    public void Address(string addresses)
    {
        AddressPrefix[] prefixes = [.. addresses.Split(',').Select(AddressPrefix.Parse)];
        Check(new TraceFilter { Address = prefixes, IncludeError = true }, l => HasAddress(l, addresses.Split(',')));
    }

    [Fact]
    public void AddressNobodyHas() =>
        Check(new TraceFilter { Address = [AddressPrefix.Parse("198.51.100.0/24")], IncludeError = true }, _ => false, passesSome: false);

    // ---- errors

    [Fact]
    public void SuccessesOnly() => Check(new TraceFilter(), _ => true);

    [Fact]
    public void ErrorsToo() => Check(new TraceFilter { IncludeError = true }, _ => true, stopsSome: false);

    // ---- several at once: all must agree

    [Fact]
    public void PortAndProtocol() =>
        Check(
            new TraceFilter { Port = [new(20000, 20310)], Protocol = [17], IncludeError = true },
            l => HasPort(l, [new(20000, 20310)]) && l.Protocol == 17);

    [Fact]
    public void PortAndFamilyAndAddress() =>
        Check(
            new TraceFilter { Port = [new(20000, 20310)], AddressFamily = [IPFamily.IPv6], Address = [AddressPrefix.Parse("127.0.0.0/8")], IncludeError = true },
            l => HasPort(l, [new(20000, 20310)]) && l.Family == "IPv6" && HasAddress(l, ["127.0.0.0/8"]));

    [Fact]
    public void UidAndGidAndComm() =>
        Check(
            new TraceFilter { Uid = [12345, 0], Gid = [23456], Comm = ["bindtruth"], IncludeError = true },
            l => l.Uid is 12345 or 0 && l.Gid == 23456 && l.CommHex == "62696e647472757468");

    [Fact]
    public void UidAndPortWithoutErrors() =>
        Check(new TraceFilter { Uid = [65534], Port = [new(80, 80)] }, _ => false, passesSome: false);

    [Fact]
    public void NothingSatisfiesBoth() =>
        Check(new TraceFilter { Uid = [12345], Comm = ["a-thread"], IncludeError = true }, _ => false, passesSome: false);

    // ---- helpers

    private static bool HasPort(TruthLine line, PortRange[] ranges) =>
        Matching.Port(ranges, line.Port ?? 0) || Matching.Port(ranges, line.RequestedPort ?? 0);

    private static bool HasAddress(TruthLine line, string[] prefixes) => Matching.Address(prefixes, line.Address, line.RequestedAddress);

    /// <summary>Traces some cases, and something done in this process, with a filter.</summary>
    private static IReadOnlyList<BindEvent> Trace(TraceFilter filter, string[] cases, out TruthLine[] lines, Action? also = null)
    {
        FilterRun<TruthLine, BindEvent> run = Run(filter, cases, also);
        lines = [.. run.Lines];
        return run.Events;
    }

    private static void Check(TraceFilter filter, Func<TruthLine, bool> passes, bool passesSome = true, bool stopsSome = true) =>
        Run(filter, s_cases).Check(l => (l.Error == 0 || filter.IncludeError) && passes(l), Describe, Describe, passesSome, stopsSome);

    private static FilterRun<TruthLine, BindEvent> Run(TraceFilter filter, string[] cases, Action? also = null)
    {
        Requires.Tracing();
        return new(
            new Collector(new TraceOptions { Filter = filter }),
            () => cases.Length > 0 ? Truth.Run(cases) : [],
            (line, backend) => Seen.By(line, backend, filter) ? line : null,
            also);
    }

    private static string Describe(TruthLine line) =>
        $"{line.Tid} uid {line.Uid} {line.Protocol} {line.Address} {line.RequestedAddress}:{line.RequestedPort ?? 0} {line.ErrorName}";

    private static string Describe(BindEvent e) =>
        $"{e.ThreadId} uid {e.Uid} {e.ProtocolNumber} {WithoutScope(e.Address)} {WithoutScope(e.RequestedAddress)}:{e.RequestedPort} {e.ErrorName}";

    private static string? WithoutScope(string? address) => address?.Split('%')[0];
}

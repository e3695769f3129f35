using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;
using BindSnoop.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Snapshots against sockets of every kind, of which all is known.</summary>
public sealed class SocketTests
{
    // docs/limits.md says so.
    private static readonly string[] s_neverSeen = ["in-flight-raw"];

    private static readonly bool s_listsBound = Environment.OSVersion.Version >= NetlinkSockets.ListsBound;

    private static readonly SocketFilter s_all = new() { All = true };

    /// <summary>Every case is in the snapshot once, and every field of it is right.</summary>
    [Fact]
    public void EveryCaseIsRight()
    {
        RequirePrograms();
        using SocketZoo zoo = new();
        SocketSnapshot snapshot = SocketSnapshot.Take(s_all);
        List<string> faults = [];
        foreach (SocketLine line in zoo.Lines)
        {
            if (line.Skipped is { } reason)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"{line.Case} is left out: {reason}");
                Assert.DoesNotContain("broken:", reason, StringComparison.Ordinal);
            }
            else if (SocketZoo.Find(line, snapshot.Sockets) is { } socket)
            {
                faults.AddRange(Compare(line, socket));
            }
            else if (!s_neverSeen.Contains(line.Case))
            {
                faults.Add($"{line} is not there");
            }
        }

        Assert.True(zoo.Lines.Count(l => l.Skipped is null) > 50, "the truth program made few sockets");
        Assert.Empty(faults);
        Assert.Null(snapshot.Refusal);
    }

    /// <summary>One's own network namespace first, then by number; within it by protocol, port and address.</summary>
    [Fact]
    public void SocketsAreInOrder()
    {
        RequirePrograms();
        using SocketZoo zoo = new();
        IReadOnlyList<BindSocket> sockets = SocketSnapshot.Take(s_all).Sockets;
        uint own = NetworkNamespaces.Own;
        Assert.Equal(
            sockets.OrderBy(s => s.NetworkNamespace != own).ThenBy(s => s.NetworkNamespace).ThenBy(s => s.ProtocolNumber).ThenBy(s => s.Port)
                .ThenBy(s => s.AddressFamily == "IPv6").ThenBy(s => Convert.ToHexString(s.Sample.Address), StringComparer.Ordinal).ThenBy(s => s.Inode),
            sockets);
        Assert.Contains(sockets.GroupBy(s => (s.NetworkNamespace, s.ProtocolNumber, s.Port)), g => g.Count() > 1);
    }

    /// <summary>Nothing but listening and bound sockets, unless more is requested.</summary>
    [Fact]
    public void WithoutAskingThereAreHoldersOnly()
    {
        RequirePrograms();
        using SocketZoo zoo = new();
        IReadOnlyList<BindSocket> sockets = SocketSnapshot.Take(new()).Sockets;
        Assert.All(sockets, s => Assert.Contains(s.State, SocketSelection.HolderStates));
        foreach (SocketLine line in zoo.Lines.Where(l => l.Skipped is null && !s_neverSeen.Contains(l.Case)))
        {
            Assert.True(SocketZoo.Find(line, sockets) is not null == SocketSelection.HolderStates.Contains(line.State), line.ToString());
        }
    }

    /// <summary>Each filter gives what matches, all of it and nothing else.</summary>
    [Fact]
    public void Filters()
    {
        RequirePrograms();
        using SocketZoo zoo = new();
        SocketLine one = zoo.Lines.Single(l => l.Case == "tcp4-listen");
        SocketLine passed = zoo.Lines.Single(l => l.Case == "passed");
        uint netns = one.Netns;
        (string Name, SocketFilter Filter, Func<BindSocket, bool> Wanted)[] filters =
        [
            // First, since it lasts a minute.
            ("time wait", new() { State = ["TimeWait"] }, s => s.HeldBy == "TimeWait"),
            ("port", new() { Port = [new PortRange(2001, 2001)] }, s => s.Port == 2001),
            ("ports", new() { Port = [new PortRange(2001, 2010), new PortRange(2232, 2232)] }, s => s.Port is (>= 2001 and <= 2010) or 2232),
            ("process", new() { ProcessId = [(uint)passed.Owners[0].Pid] }, s => s.Owners.Any(o => o.ProcessId == passed.Owners[0].Pid)),
            ("user", new() { Uid = [1000] }, s => s.Uid == 1000),
            ("protocol", new() { Protocol = [17, 262] }, s => s.ProtocolNumber is 17 or 262),
            ("family", new() { AddressFamily = [IPFamily.IPv6] }, s => s.AddressFamily == "IPv6"),
            ("address", new() { Address = [AddressPrefix.Parse("::1")] }, s => s.Address == "::1"),
            ("mapped", new() { Address = [AddressPrefix.Parse("127.0.0.0/8")] }, s => s.Address.StartsWith("127.", StringComparison.Ordinal) || s.Address.StartsWith("::ffff:127.", StringComparison.Ordinal)),
            ("comm", new() { Comm = [@"\x1b[31m\x0a\xff"""] }, s => s.Comm == @"\x1b[31m\x0a\xff"""),
            ("state", new() { State = ["established"] }, s => s.State == "Established"),
        ];
        foreach ((string name, SocketFilter filter, Func<BindSocket, bool> wanted) in filters)
        {
            bool isWanted(BindSocket s) => wanted(s) && (filter.State.Count > 0 || SocketSelection.HolderStates.Contains(s.State));
            BindSocket[] all = [.. SocketSnapshot.Take(s_all with { NetworkNamespace = [netns] }).Sockets.Where(isWanted)];
            BindSocket[] some = [.. SocketSnapshot.Take(filter with { NetworkNamespace = [netns] }).Sockets];
            Assert.True(all.Length > 0, name);
            Assert.Equal(all.Select(s => s.ToString()), some.Select(s => s.ToString()));
        }
    }

    [Fact]
    public void ANetworkNamespaceIsFoundByPath()
    {
        RequirePrograms();
        using SocketZoo zoo = new();
        SocketLine line = zoo.Lines.Single(l => l.Case == "netns-of-process");
        uint netns = Host.NetworkNamespaces.Parse($"/proc/{line.Owners[0].Pid}/ns/net");
        Assert.Equal(line.Netns, netns);
        Assert.All(SocketSnapshot.Take(new() { NetworkNamespace = [netns] }).Sockets, s => Assert.Equal(netns, s.NetworkNamespace));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("no-such-namespace")]
    [InlineData("/")]
    [InlineData("/proc/self/ns/mnt")]
    [InlineData("../../proc/self/status")]
    public void AnInvalidNetworkNamespaceIsOneError(string text) =>
        Assert.Equal("NetworkNamespaceNotFound", Assert.Throws<TraceException>(() => Host.NetworkNamespaces.Parse(text)).ErrorId);

    [Fact]
    public void AnUnknownStateIsOneError() =>
        Assert.Equal("InvalidSocketState", Assert.Throws<TraceException>(() => SocketSnapshot.Take(new() { State = ["Listening"] })).ErrorId);

    /// <summary>A socket holds what belongs together, however fast others come and go where it lies.</summary>
    [Fact]
    public void ChurnMixesNothing()
    {
        RequirePrograms();
        using Process churn = Truth.Start("sockets", "--churn");
        try
        {
            uint netns = uint.Parse(churn.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
            int seen = 0;
            Stopwatch time = Stopwatch.StartNew();
            // Programs that stay loaded, since to load them takes much longer than what it is about.
            using SocketProgram program = new(findsOwners: true);
            SocketSelection selection = new(new() { NetworkNamespace = [netns] });
            for (int i = 0; (i < 40 || seen < 50) && time.Elapsed < TimeSpan.FromMinutes(2); i++)
            {
                foreach (BindSocket socket in BpfSockets.Read(program, selection, []).Where(selection.Wants))
                {
                    seen++;
                    string expected = $"127.0.{socket.Port >> 8}.{socket.Port & 255}";
                    string protocol = socket.Port % 3 == 0 ? "UDP" : "TCP";
                    Assert.True(
                        (socket.Address, socket.Protocol, socket.Options) == (expected, protocol, socket.Port % 2 == 1 ? BindOptions.ReuseAddress : BindOptions.None),
                        socket.ToString());
                    Assert.True(socket.State != "Listen" || (socket.Port % 5 != 0 && socket.BacklogLimit == (socket.Port % 100) + 1), socket.ToString());
                    Assert.True(socket.HeldBy == "Process", socket.ToString());
                    Assert.True(socket.Comm == $"churn-{(socket.Port - 20000) / 1000}", socket.ToString());
                }
            }

            Assert.True(seen >= 10, $"{seen} sockets were seen");
        }
        finally
        {
            churn.StandardInput.Close();
            churn.WaitForExit();
        }
    }

    /// <summary>Neither in the kernel nor among the descriptors of this process.</summary>
    [Fact]
    public void NothingStays()
    {
        RequirePrograms();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        KernelObjects held;
        using (SocketProgram program = new(findsOwners: true))
        {
            held = KernelObjects.Held();
            Assert.InRange(held.ProgramCount, 2, 100);
        }

        held.AssertGone();
        _ = SocketSnapshot.Take(s_all);
        Assert.Equal(before, KernelObjects.Descriptors());
    }

    /// <summary>A program serves for any number of looks, each of what is there then.</summary>
    [Fact]
    public void LooksAgain()
    {
        RequirePrograms();
        using SocketProgram program = new(findsOwners: true);
        for (int i = 0; i < 5; i++)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            int port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            BindSocket[] sockets = [.. BpfSockets.Read(program, new SocketSelection(new() { ProcessId = [(uint)Environment.ProcessId] }), []).Where(s => s.Port == port)];
            Assert.Equal("Bound", Assert.Single(sockets).State);
            Assert.Equal(Environment.ProcessId, sockets[0].ProcessId);
        }
    }

    /// <summary>The second way has the same sockets, except for those that docs/limits.md names, and says what it does not know.</summary>
    [Fact]
    public void ByNetlinkEveryCaseIsRight()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can look into other network namespaces.");
        using SocketZoo zoo = new();
        List<string> unseen = [];
        IReadOnlyList<BindSocket> sockets = NetlinkSockets.Read(unseen);
        SocketLine[] listed = [.. zoo.Lines.Where(l => IsListedWithoutPrograms(l) && (l.State != "Bound" || (l.Protocol != 132 && s_listsBound)))];
        Assert.Empty(listed.SelectMany(line => CompareWithoutPrograms(
            line with { Protocol = line.Case == "mptcp6-bound" ? 6 : line.Protocol }, sockets, isPartial: line.Type == "RAW" || line.Protocol is 1 or 58 or 136)));
        Assert.Equal(!s_listsBound, unseen.Any(u => u.Contains("bound and do not listen", StringComparison.Ordinal)));
        Assert.DoesNotContain(unseen, u => u.StartsWith("Netlink does not list", StringComparison.Ordinal));
    }

    /// <summary>Where netlink is refused, the files of /proc/net have most of it, and what they lack is said.</summary>
    [Fact]
    public void ByFilesEveryCaseIsRight()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can look into other network namespaces.");
        using SocketZoo zoo = new();
        List<string> unseen = [];
        IReadOnlyList<BindSocket> sockets = [];
        Sys.OnThread(() =>
        {
            Sys.RefuseNetlink();
            sockets = NetlinkSockets.Read(unseen);
        });
        SocketLine[] listed = [.. zoo.Lines.Where(l => IsListedWithoutPrograms(l) && l.State != "Bound" && l.Protocol is not (132 or 262))];
        Assert.Empty(listed.SelectMany(line => CompareWithoutPrograms(line with { BacklogLimit = null }, sockets, isPartial: true)));
        Assert.All(sockets, s => Assert.Null(s.InterfaceIndex));
        Assert.Contains(unseen, u => u.StartsWith("Netlink does not list TCP", StringComparison.Ordinal));
        Assert.Contains(unseen, u => u.StartsWith("Netlink does not list UDP", StringComparison.Ordinal));
        foreach ((int protocol, string name) in new[] { (132, "SCTP"), (262, "MPTCP") })
        {
            if (zoo.Lines.Any(l => l.Protocol == protocol))
            {
                Assert.Single(unseen, u => u.StartsWith($"Netlink does not list {name} ", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>Without privileges, there are one's own sockets, and those of others without their processes; what is missing is said.</summary>
    [Fact]
    public void WithoutPrivilegesItSaysWhatIsMissing()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can give up root.");
        using Socket listener = BoundSocket();
        listener.Listen();
        string[] lines = Child.Start(Child.ListSockets).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains($"Unknown {PortOf(listener)} Listen 0", lines);
        Assert.Contains("Process own Listen 1", lines);
        Assert.Contains(lines, l => l.Contains("CAP_SYS_ADMIN", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("CAP_SYS_PTRACE: their sockets are shown as held by Unknown", StringComparison.Ordinal));
        Assert.Contains("NotPrivileged", lines);
    }

    /// <summary>The child of that.</summary>
    internal static void ListWithoutPrivileges()
    {
        const uint Nobody = 65534;
        Sys.DropPrivileges(Nobody);
        using Socket listener = BoundSocket();
        listener.Listen();
        SocketSnapshot snapshot = SocketSnapshot.Take(new());
        foreach (BindSocket socket in snapshot.Sockets)
        {
            Console.WriteLine($"{socket.HeldBy} {(socket.Port == PortOf(listener) ? "own" : socket.Port)} {socket.State} {socket.Owners.Count}");
        }

        Console.WriteLine(string.Join('\n', snapshot.Unseen));
        Console.WriteLine(snapshot.Refusal?.ErrorId);
    }

    /// <summary>What is bound before, while and after a trace begins is emitted once, whichever way it was seen.</summary>
    [Fact]
    public void ATraceStartsWithExistingSockets()
    {
        RequirePrograms();
        Requires.Tracing();
        using Socket before = BoundSocket();
        using ManualResetEventSlim stop = new();
        List<Socket> meanwhile = [];
        Thread binder = new(() =>
        {
            while (!stop.IsSet && meanwhile.Count < 2000)
            {
                meanwhile.Add(BoundSocket());
            }
        });
        binder.Start();
        try
        {
            using BindTracer tracer = new(new() { IncludeExisting = true, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
            stop.Set();
            binder.Join();
            using Socket after = BoundSocket();
            tracer.Stop();
            BindEvent[] events = [.. tracer.Read()];
            Assert.True(Assert.Single(events, e => e.Port == PortOf(before)).Existing);
            Assert.False(Assert.Single(events, e => e.Port == PortOf(after)).Existing);
            Assert.All(meanwhile, s => Assert.Single(events, e => e.Port == PortOf(s) && e.Protocol == "TCP"));
            Assert.Contains(events, e => e.Existing && meanwhile.Any(s => PortOf(s) == e.Port));
            Assert.Equal(0, tracer.ReadStatistics().Dropped);
        }
        finally
        {
            stop.Set();
            binder.Join();
            meanwhile.ForEach(s => s.Dispose());
        }
    }

    public static TheoryData<TraceFilter> UnfilterableOfExisting() =>
    [
        new TraceFilter { Gid = [0] },
        new TraceFilter { RequestedOnly = true },
        new TraceFilter { CgroupMap = "/sys/fs/bpf/none" },
        new TraceFilter { MountNamespaceMap = "/sys/fs/bpf/none" },
    ];

    [Theory]
    [MemberData(nameof(UnfilterableOfExisting))]
    public void WhatSocketsDoNotHaveCannotChooseThem(TraceFilter filter) =>
        Assert.Equal(
            "ExistingNotFilterable",
            Assert.Throws<TraceException>(() => new BindTracer(new() { IncludeExisting = true, Filter = filter })).ErrorId);

    private static bool IsListedWithoutPrograms(SocketLine line) =>
        line.Skipped is null && !line.Case.StartsWith("option-no-port", StringComparison.Ordinal) &&
        !line.Case.StartsWith("netns-of-socket", StringComparison.Ordinal) && line.Case is not ("netns-in-flight" or "l2tp4-bound");

    /// <param name="isPartial">Files of /proc/net show neither the interface nor whether an IPv6 socket leaves IPv4 alone.</param>
    private static IEnumerable<string> CompareWithoutPrograms(SocketLine line, IEnumerable<BindSocket> sockets, bool isPartial)
    {
        SocketLine expected = line with
        {
            HeldBy = line.HeldBy == "InFlight" ? "Unknown" : line.HeldBy,
            Options = line.Options is null ? null : "?????",
        };
        if (SocketZoo.Find(expected, sockets) is not { } socket)
        {
            return [$"{line} is not there"];
        }

        // Of others netlink does not say it.
        bool hasV6only = line.State is "Listen" or "Bound" or "Unconnected";
        return Compare(
            expected with
            {
                Ifindex = isPartial ? socket.InterfaceIndex : expected.Ifindex,
                V6only = (isPartial || !hasV6only) && expected.Family == "IPv6" ? socket.IPv6Only : expected.V6only,
            },
            socket);
    }

    private static Socket BoundSocket()
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    internal static IEnumerable<string> Compare(SocketLine line, BindSocket socket)
    {
        (string Field, object? Expected, object? Value)[] fields =
        [
            ("ProtocolNumber", line.Protocol, socket.ProtocolNumber),
            ("SocketType", line.Type, socket.SocketType),
            ("AddressFamily", line.Family, socket.AddressFamily),
            ("Address", line.Address, socket.Address),
            ("Port", line.Port, socket.Port),
            ("RemoteAddress", line.RemoteAddress, socket.RemoteAddress),
            ("RemotePort", line.RemotePort, socket.RemotePort),
            ("State", line.State, socket.State),
            ("Backlog", line.Backlog, socket.Backlog),
            ("BacklogLimit", line.BacklogLimit, socket.BacklogLimit),
            ("HeldBy", line.HeldBy, socket.HeldBy),
            ("Owners", Text(line.Owners.Select(o => (o.Pid, o.Fd))), Text(socket.Owners.Select(o => (o.ProcessId, o.FileDescriptor)))),
            .. line.Inode is null
                ? Array.Empty<(string, object?, object?)>()
                :
                [
                    ("OptionString", line.Options, socket.OptionString),
                    ("IPv6Only", line.V6only, socket.IPv6Only),
                    ("InterfaceIndex", line.Ifindex, socket.InterfaceIndex),
                    ("Uid", line.Uid, socket.Uid),
                ],
        ];
        return fields.Where(f => !Equals(f.Expected, f.Value)).Select(f => $"{f.Field} is {f.Value} instead of {f.Expected} of {line}");
    }

    private static string Text(IEnumerable<(int, int)> owners) => string.Join(' ', owners.Order());

    /// <summary>Skips the test where the kernel or this user cannot run the programs.</summary>
    internal static void RequirePrograms()
    {
        try
        {
            new SocketProgram(findsOwners: true).Dispose();
        }
        catch (TraceException exception) when (!Requires.Works(Backend.Auto) && (Requires.IsRefusal(exception) || exception.ErrorId == "SocketProgramRefused"))
        {
            Assert.Skip(exception.Message);
        }
    }
}

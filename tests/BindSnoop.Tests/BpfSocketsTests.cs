using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;
using BindSnoop.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Looks at some ports alone, by which failed binds are explained, against sockets of which all is known.</summary>
public sealed class BpfSocketsTests
{
    /// <summary>Every socket of a port is there with all of its owners, in the bucket of one's own network namespace and in others.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EveryCaseIsRight(bool isInside)
    {
        SocketTests.RequirePrograms();
        Assert.SkipUnless(!isInside || Interop.Libc.geteuid() == 0, "Only root can make a network namespace.");
        using SocketZoo zoo = new();
        using SocketProgram program = new(findsOwners: true);
        SocketLine[] lines = [.. zoo.Lines.Where(l => l.Skipped is null && l.Port != 0 && Enum.IsDefined(TableOf(l)))];
        Assert.True(lines.Length > 30, "the truth program made few sockets");
        List<string> faults = [];
        Inside(isInside ? lines.Single(l => l.Case == "tcp4-listen") : null, () =>
        {
            foreach (SocketLine line in lines)
            {
                faults.AddRange(Compare(line, BpfSockets.ReadPorts(program, [(TableOf(line), line.Netns, (ushort)line.Port)])));
            }

            // So many that whole tables are read; and few of two tables at once.
            var all = lines.Select(l => (TableOf(l), l.Netns, (ushort)l.Port)).ToArray();
            IReadOnlyList<BindSocket>? together = BpfSockets.ReadPorts(program, all);
            faults.AddRange(lines.SelectMany(l => Compare(l, together)));
            SocketLine[] two = [lines.Single(l => l.Case == "tcp4-listen"), lines.Single(l => l.Case == "udp4-bound")];
            IReadOnlyList<BindSocket>? both = BpfSockets.ReadPorts(program, [.. two.Select(l => (TableOf(l), l.Netns, (ushort)l.Port))]);
            faults.AddRange(two.SelectMany(l => Compare(l, both)));
        });
        Assert.Empty(faults);
    }

    /// <summary>Who holds a port is not mixed up with processes that come and go, whose tables of descriptors lie where others lay.</summary>
    [Fact]
    public void NobodyElseIsNamed()
    {
        SocketTests.RequirePrograms();
        using SocketProgram program = new(findsOwners: true);
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        ushort port = (ushort)((IPEndPoint)listener.LocalEndPoint!).Port;
        using Process churn = Truth.Start("churn", "--processes", "50", "--seconds", "2", "--life", "20", "--pace", "2000");
        while (!churn.HasExited)
        {
            BindSocket socket = Assert.Single(
                BpfSockets.ReadPorts(program, [(SocketTable.Tcp, NetworkNamespaces.Own, port)])!, s => (ulong)s.Inode == InodeOf(listener));
            SocketOwner owner = Assert.Single(socket.Owners);
            Assert.Equal((Environment.ProcessId, (int)listener.Handle), (owner.ProcessId, owner.FileDescriptor));
        }

        Assert.Equal(0, churn.ExitCode);
    }

    /// <summary>A socket that was to be bound twice is found by its process, and by no other.</summary>
    [Fact]
    public void ABoundSocketIsFoundByItsProcess()
    {
        SocketTests.RequirePrograms();
        Assert.SkipUnless(Processes.SeesAll, "Process ids are those of a PID namespace here.");
        Assert.SkipWhen(Environment.OSVersion.Version < new Version(5, 17), "The programs cannot loop long enough.");
        using SocketProgram program = new(findsOwners: true);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Assert.Null(BpfSockets.Find(program, (uint)Environment.ProcessId, InodeOf(socket)));
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Assert.Equal(((IPEndPoint)socket.LocalEndPoint!).Port, BpfSockets.Find(program, (uint)Environment.ProcessId, InodeOf(socket))?.Port);
        Assert.Null(BpfSockets.Find(program, 1, InodeOf(socket)));
        Assert.Null(BpfSockets.Find(program, (uint)Environment.ProcessId, InodeOf(socket) + 1));
    }

    /// <summary>Without a socket to find a table by, nothing is taken for an empty one.</summary>
    [Fact]
    public void WithoutDescriptorsNothingIsSaid()
    {
        SocketTests.RequirePrograms();
        Assert.Equal("True False", Child.Start(Child.LookWithoutDescriptors).Trim());
    }

    /// <summary>The child of that.</summary>
    internal static void LookWithoutDescriptors()
    {
        using SocketProgram program = new(findsOwners: true);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        (SocketTable, uint, ushort)[] ports = [(SocketTable.Tcp, NetworkNamespaces.Own, (ushort)((IPEndPoint)socket.LocalEndPoint!).Port)];

        // Once before, as code is loaded from files.
        bool isReadBefore = BpfSockets.ReadPorts(program, ports) is { Count: > 0 };
        ulong limit = Sys.LimitFiles(0);
        bool isRead = BpfSockets.ReadPorts(program, ports) is not null;
        _ = Sys.LimitFiles(limit);
        Console.WriteLine($"{isReadBefore} {isRead}");
    }

    private static SocketTable TableOf(SocketLine line) => (SocketTable)Diagnosis.BindClaim.PortsOf(line.Type == "RAW" ? 0 : line.Protocol);

    private static ulong InodeOf(Socket socket) =>
        ulong.Parse(new FileInfo($"/proc/self/fd/{socket.Handle}").LinkTarget!.AsSpan()["socket:[".Length..^1], System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<string> Compare(SocketLine line, IReadOnlyList<BindSocket>? sockets) =>
        sockets is null ? [$"{line}: the table was not read"]
        : SocketZoo.Find(line, sockets) is { } socket ? SocketTests.Compare(line, socket)
        : [$"{line} is not there"];

    /// <summary>Does something in the network namespace of a socket, or in this one.</summary>
    private static void Inside(SocketLine? line, Action action)
    {
        if (line is null)
        {
            action();
            return;
        }

        Exception? failure = null;
        Assert.True(NetworkNamespaces.TryEnter(line.Netns, $"/proc/{line.Owners[0].Pid}/ns/net", _ => failure = Record.Exception(action)));
        Assert.Null(failure);
    }
}

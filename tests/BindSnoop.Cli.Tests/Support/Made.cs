using System.Net;
using System.Net.Sockets;
using System.Text;
using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Cli.Tests;

/// <summary>Makes events as the kernel would hand them over.</summary>
internal static class Made
{
    public static BindEvent Event(
        long microseconds = 1,
        uint uid = 0,
        int error = 0,
        int pid = 1,
        byte[]? comm = null,
        ushort protocol = 6,
        string? address = "127.0.0.1",
        ushort port = 80,
        BindOptions options = BindOptions.None,
        uint interfaceIndex = 0,
        long inode = 0,
        string cgroupPath = "",
        ContainerFacts? container = null)
    {
        BindSample sample = new()
        {
            Port = port,
            ProtocolNumber = protocol,
            SocketType = 1,
            InterfaceIndex = interfaceIndex,
            Options = (byte)options,
            AddressFamily = 2,
        };
        sample.Origin.Time = (ulong)((microseconds * 1000) + 999);
        sample.Origin.ProcessId = (uint)pid;
        sample.Origin.ThreadId = (uint)pid;
        sample.Origin.Uid = uid;
        sample.Origin.ErrorCode = error;
        sample.Origin.Inode = (ulong)inode;
        (comm ?? "made"u8.ToArray()).CopyTo((Span<byte>)sample.Origin.Comm);
        sample.Requested.Family = 0xffff;
        if (address is not null)
        {
            IPAddress ip = IPAddress.Parse(address);
            sample.AddressFamily = (ushort)(ip.AddressFamily == AddressFamily.InterNetwork ? 2 : 10);
            ip.GetAddressBytes().CopyTo((Span<byte>)sample.Address);
            sample.Requested.Address = sample.Address;
            sample.Requested.Family = sample.AddressFamily;
            sample.Requested.Port = port;
            sample.Requested.ScopeId = ip.AddressFamily == AddressFamily.InterNetworkV6 ? (uint)ip.ScopeId : 0;
        }

        return new BindEvent(sample, new EventContext(DateTime.UnixEpoch.Ticks, Backend.Kprobe, cgroupPath, Container: container));
    }

    public static AcceptEvent Accept(
        long microseconds = 1,
        int error = 0,
        int pid = 1,
        byte[]? comm = null,
        string? remoteAddress = "127.0.0.1",
        ushort remotePort = 1,
        string localAddress = "127.0.0.1",
        ushort localPort = 80)
    {
        IPAddress local = IPAddress.Parse(localAddress);
        AcceptSample sample = new()
        {
            AddressFamily = (ushort)(local.AddressFamily == AddressFamily.InterNetwork ? 2 : 10),
            ProtocolNumber = 6,
            LocalPort = localPort,
            RemotePort = remotePort,
        };
        sample.Origin.Time = (ulong)((microseconds * 1000) + 999);
        sample.Origin.ProcessId = (uint)pid;
        sample.Origin.ErrorCode = error;
        (comm ?? "made"u8.ToArray()).CopyTo((Span<byte>)sample.Origin.Comm);
        local.GetAddressBytes().CopyTo((Span<byte>)sample.LocalAddress);
        if (remoteAddress is not null)
        {
            IPAddress.Parse(remoteAddress).GetAddressBytes().CopyTo((Span<byte>)sample.RemoteAddress);
        }

        return new AcceptEvent(sample, new EventContext(DateTime.UnixEpoch.Ticks, Backend.Kprobe));
    }

    /// <param name="backlog">Null: not known.</param>
    public static ListenEvent Listen(
        long microseconds = 1,
        int error = 0,
        int pid = 1,
        byte[]? comm = null,
        uint networkNamespace = 1,
        ushort protocol = 6,
        int? backlog = 5,
        ushort port = 80,
        string address = "127.0.0.1")
    {
        IPAddress ip = IPAddress.Parse(address);
        ListenSample sample = new()
        {
            AddressFamily = (ushort)(ip.AddressFamily == AddressFamily.InterNetwork ? 2 : 10),
            ProtocolNumber = protocol,
            SocketType = 1,
            Port = port,
            Backlog = backlog ?? 0,
            BacklogLimit = 4096,
            Options = 8,
            Flags = ListenFlags.Implicit | (backlog is null ? 0 : ListenFlags.BacklogKnown),
        };
        sample.Origin.Time = (ulong)((microseconds * 1000) + 999);
        sample.Origin.ProcessId = (uint)pid;
        sample.Origin.ErrorCode = error;
        sample.Origin.NetworkNamespace = networkNamespace;
        (comm ?? "made"u8.ToArray()).CopyTo((Span<byte>)sample.Origin.Comm);
        ip.GetAddressBytes().CopyTo((Span<byte>)sample.Address);
        return new ListenEvent(sample, new EventContext(DateTime.UnixEpoch.Ticks, Backend.Kprobe));
    }

    /// <param name="boundFor">In ticks; null: not known.</param>
    public static ReleaseEvent Release(
        long microseconds = 1,
        int pid = 1,
        byte[]? comm = null,
        ushort protocol = 6,
        TcpStates state = TcpStates.Listen,
        ReleaseFlags flags = 0,
        long? boundFor = 10_000_000,
        ushort port = 80,
        string address = "127.0.0.1",
        long inode = 0)
    {
        IPAddress ip = IPAddress.Parse(address);
        ReleaseSample sample = new()
        {
            AddressFamily = (ushort)(ip.AddressFamily == AddressFamily.InterNetwork ? 2 : 10),
            ProtocolNumber = protocol,
            SocketType = (ushort)(protocol == 17 ? 2 : 1),
            Port = port,
            Options = 8,
            State = state,
            Flags = flags,
        };
        sample.Origin.Time = 1_000_000_000_000 + (ulong)(microseconds * 1000);
        sample.Origin.Inode = (ulong)inode;
        sample.BoundAt = boundFor is { } ticks ? sample.Origin.Time - (ulong)(ticks * 100) : 0;
        sample.Origin.ProcessId = (uint)pid;
        sample.Origin.NetworkNamespace = 1;
        (comm ?? "made"u8.ToArray()).CopyTo((Span<byte>)sample.Origin.Comm);
        ip.GetAddressBytes().CopyTo((Span<byte>)sample.Address);
        return new ReleaseEvent(sample, new EventContext(DateTime.UnixEpoch.Ticks, Backend.Kprobe));
    }

    /// <summary>A socket as a look at all sockets finds it.</summary>
    public static BindSocket Socket(long inode, ushort port, int pid = 1)
    {
        SocketSample sample = new() { Inode = (ulong)inode, Port = port, ProtocolNumber = 6, SocketType = 1, AddressFamily = 2, State = TcpStates.Close };
        return new BindSocket(sample, SocketFacts.All, "Process", [new SocketOwner(pid, "made", 3, null, "/")], "", DateTime.Now, "Kernel");
    }

    public static BindCount Count(string address, ushort port, long count, ushort protocol = 6, int error = 0)
    {
        IPAddress ip = IPAddress.Parse(address);
        ushort family = (ushort)(ip.AddressFamily == AddressFamily.InterNetwork ? 2 : 10);
        BindCountKey key = new()
        {
            Port = port,
            ProtocolNumber = protocol,
            ErrorCode = error,
            AddressFamily = family,
            NamedFamily = family,
        };
        ip.GetAddressBytes().CopyTo((Span<byte>)key.Address);
        return new BindCount(key, count, BindEvent.Definition);
    }

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}

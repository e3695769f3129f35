using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct socket_sample</c> of bpf/sockets.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketSample
{
    public ulong Socket;
    public ulong File;
    public ulong Inode;
    public ulong ProcessStart;
    public ulong CgroupId;
    public ulong SocketCgroupId;
    public CommBytes Comm;
    public uint ProcessId;
    public uint Descriptor;
    public uint Uid;
    public uint NetworkNamespace;
    public uint InterfaceIndex;
    public uint Backlog;
    public uint BacklogLimit;
    public AddressBytes Address;
    public AddressBytes RemoteAddress;
    public ushort AddressFamily;
    public ushort ProtocolNumber;
    public ushort SocketType;
    public ushort Port;
    public ushort RemotePort;
    public TcpStates State;
    public byte Options;
    public byte Ipv6Only;
    public HeldBy HeldBy;
    public ReservedBytes Reserved;

    [InlineArray(6)]
    public struct ReservedBytes
    {
        private byte _first;
    }
}

/// <summary><c>enum held_by</c> of bpf/sockets.h.</summary>
internal enum HeldBy : byte
{
    Process,
    File,
    Kernel,
    AcceptQueue,
    Orphan,
    TimeWait,
    Nothing,
}

/// <summary>include/net/tcp_states.h, which all protocols' sockets have their states from.</summary>
internal enum TcpStates : byte
{
    Established = 1,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    NewSynReceived,
}

/// <summary><c>struct socket_config</c> of bpf/sockets.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketConfig
{
    public byte FreebindBit;
    public byte TransparentBit;
    public byte BindAddressNoPortBit;
    public byte Reserved;
}

/// <summary><c>struct socket_request</c> of bpf/sockets.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketRequest
{
    public PortBitmap Ports;
    public FileBitmap Files;
    public uint ProcessId;
    public byte ByPort;
    public byte Connections;
    public ReservedBytes Reserved;

    [InlineArray(1024)]
    public struct PortBitmap
    {
        private ulong _first;
    }

    [InlineArray(64)]
    public struct FileBitmap
    {
        private ulong _first;
    }

    [InlineArray(2)]
    public struct ReservedBytes
    {
        private byte _first;
    }
}

/// <summary><c>struct socket_walk</c> of bpf/sockets.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketWalk
{
    public ulong Table;
    public ulong Ports;
    public ulong Addresses;
    public ulong Sockets;
    public uint Descriptor;
    public uint Bucket;
    public uint End;
    public uint Buckets;
    public uint Found;
    public uint Restarts;
    public uint GivenUp;
    public uint NetworkNamespace;
    public ushort Port;
    public byte Udp;
    public byte Begun;
    public byte Done;
    public byte OneBucket;
    public ReservedBytes Reserved;

    [InlineArray(6)]
    public struct ReservedBytes
    {
        private byte _first;
    }
}

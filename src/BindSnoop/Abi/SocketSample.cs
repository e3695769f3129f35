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

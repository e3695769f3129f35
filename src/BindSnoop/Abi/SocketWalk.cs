using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

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

using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct listen_sample</c> of bpf/listen.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ListenSample
{
    public SampleOrigin Origin;
    public AddressBytes Address;
    public uint InterfaceIndex;
    public int Backlog;
    public uint BacklogLimit;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort SocketType;
    public byte Options;
    public byte Ipv6Only;
    public ListenFlags Flags;
    public byte Reserved;
}

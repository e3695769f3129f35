using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct bind_record</c> of bpf/bind.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BindRecord
{
    public OriginRecord Origin;
    public EndpointRecord Requested;
    public AddressBytes Address;
    public uint InterfaceIndex;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort SocketType;
    public byte Options;
    public byte Ipv6Only;
    public ushort Reserved;
    public uint SocketUid;
    public uint Padding;
}

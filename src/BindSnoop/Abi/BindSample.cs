using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct bind_sample</c> of bpf/bind.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BindSample
{
    public SampleOrigin Origin;
    public SampleEndpoint Requested;
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

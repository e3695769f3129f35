using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct accept_sample</c> of bpf/accept.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AcceptSample
{
    public SampleOrigin Origin;
    public AddressBytes LocalAddress;
    public AddressBytes RemoteAddress;
    public uint InterfaceIndex;
    public ushort AddressFamily;
    public ushort LocalPort;
    public ushort RemotePort;
    public ushort ProtocolNumber;
    public uint Reserved;
}

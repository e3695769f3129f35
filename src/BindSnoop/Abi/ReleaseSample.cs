using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct release_sample</c> of bpf/release.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ReleaseSample
{
    public SampleOrigin Origin;
    public AddressBytes Address;
    public ulong BoundAt;
    public uint InterfaceIndex;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort SocketType;
    public byte Options;
    public byte Ipv6Only;
    public TcpStates State;
    public ReleaseFlags Flags;
}

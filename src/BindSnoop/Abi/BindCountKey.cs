using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct bind_count_key</c> of bpf/counts.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BindCountKey
{
    public AddressBytes Address;
    public uint InterfaceIndex;
    public int ErrorCode;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort NamedFamily;
}

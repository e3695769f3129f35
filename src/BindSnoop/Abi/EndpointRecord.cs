using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct endpoint</c> of bpf/record.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EndpointRecord
{
    public AddressBytes Address;
    public uint ScopeId;
    public ushort Family;
    public ushort Port;
}

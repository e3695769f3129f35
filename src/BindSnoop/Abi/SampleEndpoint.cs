using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct endpoint</c> of bpf/sample.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SampleEndpoint
{
    public AddressBytes Address;
    public uint ScopeId;
    public ushort Family;
    public ushort Port;
}

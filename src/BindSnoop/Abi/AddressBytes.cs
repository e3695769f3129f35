using System.Runtime.CompilerServices;

namespace BindSnoop.Abi;

/// <summary>An address in network byte order; an IPv4 one takes the first four bytes.</summary>
[InlineArray(16)]
internal struct AddressBytes
{
    private byte _first;
}

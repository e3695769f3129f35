using System.Net;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct address_key</c> of bpf/filter.h: a prefix, as the maps of address filters have it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressKey
{
    public uint PrefixLength;
    public uint Family;
    public AddressBytes Address;

    // The prefix takes in the member before the address.
    private const uint FamilyBits = 32;

    /// <param name="address">In the family of which it is a prefix.</param>
    /// <param name="length">In bits, of the address.</param>
    /// <param name="family">AF_INET or AF_INET6.</param>
    public AddressKey(IPAddress address, int length, ushort family)
    {
        PrefixLength = FamilyBits + (uint)length;
        Family = family;
        address.TryWriteBytes(Address, out _);
    }
}

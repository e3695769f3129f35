using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace BindSnoop;

/// <summary>An address as a number, the first bit the highest.</summary>
internal readonly record struct AddressValue(AddressFamily Family, UInt128 Bits)
{
    public static AddressValue Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address.TryWriteBytes(bytes, out _);
        return new AddressValue(address.AddressFamily, BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }
}

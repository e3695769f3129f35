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

    /// <summary>An address as samples show it.</summary>
    public static AddressValue Of(ReadOnlySpan<byte> bytes, int family) => new(
        family == (int)IPFamily.IPv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6,
        family == (int)IPFamily.IPv4 ? (UInt128)BinaryPrimitives.ReadUInt32BigEndian(bytes) << 96 : BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>The IPv4 address that an IPv4-mapped IPv6 address stands for, else null.</summary>
    public AddressValue? Unmapped =>
        Family == AddressFamily.InterNetworkV6 && Bits >> 32 == 0xffff ? new AddressValue(AddressFamily.InterNetwork, Bits << 96) : null;
}

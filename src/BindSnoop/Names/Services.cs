using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Names;

/// <summary>Names of well-known ports, through the C library so that the machine's own database counts.</summary>
internal static unsafe class Services
{
    private const int BufferSize = 4096;

    // struct servent: name, aliases, port, protocol; padded to four words.
    private const int EntrySize = 32;

    private static readonly LookUpCache<(int Port, int Protocol), string> s_names = new(4096, TimeSpan.FromMinutes(1), keepLast: true);

    /// <summary>The name of a port under a protocol such as TCP, or nothing.</summary>
    public static string NameOf(int port, int protocol)
    {
        if (port == 0)
        {
            return "";
        }

        if (s_names.TryGet((port, protocol), out string? known))
        {
            return known ?? "";
        }

        // An MPTCP listener is a TCP service: peers without MPTCP connect to it all the same.
        string database = protocol == Protocols.Mptcp ? "tcp" : Protocols.NameOf((ushort)protocol).ToLowerInvariant();
        return s_names.Remember((port, protocol), LookUp(port, database)) ?? "";
    }

    /// <summary>Null if the services database did not answer.</summary>
    private static string? LookUp(int port, string protocol)
    {
        byte* entry = stackalloc byte[EntrySize];
        byte* buffer = stackalloc byte[BufferSize];
        int networkOrder = BinaryPrimitives.ReverseEndianness((ushort)port);
        return Libc.getservbyport_r(networkOrder, protocol, entry, buffer, BufferSize, out nint result) != 0 ? null
            : result == 0 ? ""
            : DisplayText.Escape(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(*(byte**)entry));
    }
}

using System.Runtime.CompilerServices;
using BindSnoop.Errors;

namespace BindSnoop.Host;

/// <summary>
/// Raw type information (BTF) in memory that outlives this: one type after the other, numbered from 1. Nothing beyond
/// that memory is read, whatever it holds. Documentation/bpf/btf.rst.
/// </summary>
internal readonly unsafe struct BtfTypes
{
    public const uint Pointer = 2;
    public const uint Array = 3;
    public const uint Struct = 4;
    public const uint Union = 5;
    public const uint Enum = 6;
    public const uint Typedef = 8;
    public const uint Volatile = 9;
    public const uint Const = 10;
    public const uint Restrict = 11;
    public const uint Function = 12;
    public const uint Float = 16;
    public const uint TypeTag = 18;
    public const uint Enum64 = 19;

    /// <summary>Bytes of its header, if nothing is added to it.</summary>
    public const int HeaderSize = 24;

    /// <summary>How it begins: magic, version 1, no flags.</summary>
    public const uint Head = Magic | (1 << 16);

    private const uint Magic = 0xeb9f;

    // Words behind a type's own three, for the type and for each of its members.
    private static readonly byte[] s_extraWords = [0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
    private static readonly byte[] s_memberWords = [0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3];

    private readonly byte* _strings;

    /// <exception cref="TraceException"><c>BtfNotFound</c>: it is not type information.</exception>
    public BtfTypes(byte* data, int length)
    {
        // struct btf_header: magic, version, flags, its length, then offset and length of types and strings.
        uint* header = (uint*)data;
        if (length < HeaderSize || (header[0] & 0xffff) != Magic ||
            (long)header[1] + header[2] + header[3] > length || (long)header[1] + header[4] + header[5] > length ||
            header[5] == 0 || data[(long)header[1] + header[4] + header[5] - 1] != 0)
        {
            throw NotFound("its format is unknown");
        }

        First = (uint*)(data + header[1] + header[2]);
        End = First + (header[3] / sizeof(uint));
        _strings = data + header[1] + header[4];
        StringsLength = header[5];
    }

    /// <summary>The type with the number 1. A type begins with three words: name, kind and number of members, size or type.</summary>
    public uint* First { get; }

    /// <summary>Behind the last type.</summary>
    public uint* End { get; }

    /// <summary>Bytes of all names, each with the zero that ends it.</summary>
    public uint StringsLength { get; }

    public static uint KindOf(uint* type) => (type[1] >> 24) & 0x1f;

    public static uint MembersOf(uint* type) => type[1] & 0xffff;

    public static TraceException NotFound(string why) => new(
        "BtfNotFound",
        TraceErrorKind.NotImplemented,
        $"This kernel provides no type information ({KernelTypes.Path}): {why}.",
        "Run a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's kernel is), and make sure that /sys is mounted.");

    /// <summary>How many words the type has, all of which are there to be read.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>: they are not.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint WordsOf(uint* type)
    {
        if (End - type < 3)
        {
            throw NotFound("it ends within a type");
        }

        uint kind = KindOf(type);
        if (kind >= s_extraWords.Length)
        {
            throw NotFound($"it has types of unknown kind {kind}");
        }

        uint words = 3u + s_extraWords[kind] + (s_memberWords[kind] * MembersOf(type));
        return End - type < words ? throw NotFound("it ends within a type") : words;
    }

    /// <summary>The name at an offset, which ends with a zero; null if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Name(uint offset) => offset < StringsLength ? _strings + offset : null;
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Host;
using BindSnoop.Loading;

namespace BindSnoop.Tests;

/// <summary>One member of a C structure.</summary>
internal sealed record BpfMember(string Name, long Offset, long Size);

/// <summary>The type information of an embedded BPF object.</summary>
internal sealed unsafe class BpfTypes : IDisposable
{
    private const uint KindInt = 1;
    private const uint KindPointer = 2;
    private const uint KindArray = 3;
    private const uint KindStruct = 4;
    private const uint KindUnion = 5;
    private const uint KindEnum = 6;
    private const uint KindTypedef = 8;
    private const uint KindConst = 10;
    private const uint KindTypeTag = 18;

    private readonly BtfHandle _handle;

    public BpfTypes(string objectName, string architecture)
    {
        byte[] section = Raw(objectName, architecture);
        fixed (byte* data = section)
        {
            _handle = LibBtf.btf__new(data, (uint)section.Length);
        }

        if (_handle.IsInvalid)
        {
            throw new InvalidOperationException("libbpf does not understand the type information.");
        }
    }

    /// <summary>The type information as it lies in the object.</summary>
    public static byte[] Raw(string objectName, string architecture) =>
        Section(TracerDefinition.LoadObject(objectName, architecture), ".BTF").ToArray();

    /// <summary>What the engine knows of a kernel that is as the running one, but lacks these functions.</summary>
    public static KernelTypes OfKernelWithout(params string[] functions)
    {
        byte[] types = KernelTypes.Read().ToArray();
        foreach (string function in functions)
        {
            // Names lie behind one another, each with a zero around it.
            byte[] name = Encoding.ASCII.GetBytes($"\0{function}\0");
            for (int at = 0, found; (found = types.AsSpan(at).IndexOf(name)) >= 0; at += found + 1)
            {
                types[at + found + 1] = (byte)'?';
            }
        }

        return new(types, TracerDefinition.AllFunctions);
    }

    private nint Pointer => _handle.DangerousGetHandle();

    /// <summary>The size and the members of a structure.</summary>
    public (long Size, IReadOnlyList<BpfMember> Members) Structure(string name)
    {
        uint count = LibBtf.btf__type_cnt(Pointer);
        for (uint id = 1; id < count; id++)
        {
            uint* type = LibBtf.btf__type_by_id(Pointer, id);
            if (Kind(type) != KindStruct || NameAt(type[0]) != name)
            {
                continue;
            }

            // struct btf_member (linux/btf.h): name, type, offset in bits; with bit fields, their size in the top byte.
            List<BpfMember> members = [];
            bool bitFields = type[1] >> 31 != 0;
            for (uint i = 0; i < (type[1] & 0xffff); i++)
            {
                uint* member = type + 3 + (3 * i);
                if (bitFields && member[2] >> 24 != 0)
                {
                    throw new InvalidOperationException($"{name}.{NameAt(member[0])} is a bit field.");
                }

                members.Add(new(NameAt(member[0]), (bitFields ? member[2] & 0xffffff : member[2]) / 8, SizeOf(member[1])));
            }

            return (type[2], members);
        }

        throw new InvalidOperationException($"The object does not describe struct {name}.");
    }

    public void Dispose() => _handle.Dispose();

    private static uint Kind(uint* type) => (type[1] >> 24) & 0x1f;

    private static ReadOnlySpan<byte> Section(ReadOnlySpan<byte> image, string wanted)
    {
        // ELF-64 (elf(5)): where the section headers are, how many, and which of them holds the names.
        int headers = (int)BinaryPrimitives.ReadUInt64LittleEndian(image[40..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(image[58..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(image[60..]);
        int names = BinaryPrimitives.ReadUInt16LittleEndian(image[62..]);
        ReadOnlySpan<byte> nameTable = Contents(image, image[(headers + (names * size))..]);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = image[(headers + (i * size))..];
            ReadOnlySpan<byte> name = nameTable[BinaryPrimitives.ReadInt32LittleEndian(header)..];
            if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == wanted)
            {
                return Contents(image, header);
            }
        }

        throw new InvalidOperationException($"The object has no section {wanted}.");
    }

    private static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> image, ReadOnlySpan<byte> header) =>
        image.Slice((int)BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), (int)BinaryPrimitives.ReadUInt64LittleEndian(header[32..]));

    private string NameAt(uint offset) => Marshal.PtrToStringUTF8((nint)LibBtf.btf__name_by_offset(Pointer, offset))!;

    private long SizeOf(uint id)
    {
        uint* type = LibBtf.btf__type_by_id(Pointer, id);
        return Kind(type) switch
        {
            KindInt or KindStruct or KindUnion or KindEnum => type[2],
            KindPointer => 8,
            KindArray => SizeOf(type[3]) * type[5],
            >= KindTypedef and <= KindConst + 1 or KindTypeTag => SizeOf(type[2]),
            uint other => throw new InvalidOperationException($"A type of kind {other} has no size."),
        };
    }
}

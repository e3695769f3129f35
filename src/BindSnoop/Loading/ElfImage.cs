using System.Buffers.Binary;
using System.Text;

namespace BindSnoop.Loading;

/// <summary>The sections of our BPF objects, which are ELF files of 64 bits, least significant byte first: elf(5).</summary>
internal static class ElfImage
{
    private const ulong Executable = 4;

    /// <summary>What a section holds.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static ReadOnlySpan<byte> Section(ReadOnlySpan<byte> image, ReadOnlySpan<byte> name)
    {
        ReadOnlySpan<byte> names = image[ContentOf(Header(image, BinaryPrimitives.ReadUInt16LittleEndian(image[0x3e..])))];
        for (int i = 0; i < Count(image); i++)
        {
            ReadOnlySpan<byte> header = Header(image, i);
            ReadOnlySpan<byte> candidate = names[(int)BinaryPrimitives.ReadUInt32LittleEndian(header)..];
            if (candidate.StartsWith(name) && candidate[name.Length] == 0)
            {
                return image[ContentOf(header)];
            }
        }

        throw new ArgumentException($"The object has no section {Encoding.ASCII.GetString(name)}.");
    }

    /// <summary>Where the instructions of programs are in it.</summary>
    public static IReadOnlyList<Range> Programs(ReadOnlySpan<byte> image)
    {
        List<Range> programs = [];
        for (int i = 0; i < Count(image); i++)
        {
            ReadOnlySpan<byte> header = Header(image, i);
            if ((BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) & Executable) != 0)
            {
                programs.Add(ContentOf(header));
            }
        }

        return programs;
    }

    private static int Count(ReadOnlySpan<byte> image) => BinaryPrimitives.ReadUInt16LittleEndian(image[0x3c..]);

    private static ReadOnlySpan<byte> Header(ReadOnlySpan<byte> image, int section) => image[
        ((int)BinaryPrimitives.ReadUInt64LittleEndian(image[0x28..]) + (section * BinaryPrimitives.ReadUInt16LittleEndian(image[0x3a..])))..];

    private static Range ContentOf(ReadOnlySpan<byte> header)
    {
        int start = (int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]);
        return start..(start + (int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]));
    }
}

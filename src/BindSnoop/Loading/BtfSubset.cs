using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>
/// The kernel's type information, reduced to what an object needs. For each type of an object, libbpf goes over the names of all
/// types of the kernel, of which there are more than a hundred thousand (bpf_core_add_cands() in its relo_core.c); on an x86-64
/// machine that took as long as all the rest of a start. Types keep their numbers, since programs name types to the kernel by them.
/// </summary>
internal static unsafe class BtfSubset
{
    /// <summary>Reduces it.</summary>
    /// <param name="kernel">The kernel's, as in <see cref="KernelTypes.Path"/>.</param>
    /// <param name="image">The object, an ELF file.</param>
    /// <returns>Null if not all types are among the kernel's own: then libbpf has to look for the others in modules.</returns>
    /// <exception cref="TraceException"><c>BtfNotFound</c>: the kernel's is not what it should be.</exception>
    public static byte[]? Make(ReadOnlySpan<byte> kernel, ReadOnlySpan<byte> image)
    {
        (uint Kind, byte[] Name)[] wanted = UsedBy(image);
        fixed (byte* data = kernel)
        {
            BtfTypes types = new(data, kernel.Length);
            uint[] offsets = Index(types, wanted, out List<uint> found);
            return found.Select(id => KeyOf(types.First + offsets[id], types)).Distinct().Count() == wanted.Length && Close(types, offsets, found) is { } kept
                ? Write(types, offsets, kept)
                : null;
        }
    }

    // Of the types that its relocations begin with; without the flavour of names, which is behind three underscores.
    private static (uint Kind, byte[] Name)[] UsedBy(ReadOnlySpan<byte> image)
    {
        ReadOnlySpan<byte> information = ElfImage.Section(image, ".BTF"u8);
        ReadOnlySpan<byte> extension = ElfImage.Section(image, ".BTF.ext"u8);
        HashSet<(uint, string)> used = [];
        fixed (byte* data = information)
        {
            BtfTypes types = new(data, information.Length);
            uint[] offsets = Index(types, [], out _);

            // struct btf_ext_header: offset and length of the relocations come last. Before those of each section, of which the
            // first word is the size of one, stand its name and their number.
            ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(extension);
            ReadOnlySpan<uint> relocations = words.Slice((int)(words[1] + words[6]) / sizeof(uint), (int)words[7] / sizeof(uint));
            int size = (int)relocations[0] / sizeof(uint);
            for (int i = 1; i < relocations.Length;)
            {
                int end = i + 2 + (size * (int)relocations[i + 1]);
                for (i += 2; i < end; i += size)
                {
                    _ = used.Add(KeyOf(types.First + offsets[relocations[i + 1]], types));
                }
            }
        }

        return [.. used.Select(u => (u.Item1, Encoding.ASCII.GetBytes(u.Item2 + '\0')))];
    }

    private static (uint Kind, string Name) KeyOf(uint* type, BtfTypes types)
    {
        string name = Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(types.Name(type[0])));
        int flavour = name.LastIndexOf("___", StringComparison.Ordinal);
        return (KindOf(type), flavour > 0 ? name[..flavour] : name);
    }

    // Either kind of enum stands for the other.
    private static uint KindOf(uint* type) => BtfTypes.KindOf(type) is BtfTypes.Enum64 ? BtfTypes.Enum : BtfTypes.KindOf(type);

    // Where each type is, in words, by its number; and the numbers of those that are wanted.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint[] Index(BtfTypes types, (uint Kind, byte[] Name)[] wanted, out List<uint> found)
    {
        found = [];
        uint[] offsets = new uint[((types.End - types.First) / 3) + 2];
        uint words;
        uint id = 1;
        for (uint* type = types.First; type < types.End; type += words, id++)
        {
            words = types.WordsOf(type);
            offsets[id] = (uint)(type - types.First);
            if (KindOf(type) is BtfTypes.Struct or BtfTypes.Union or BtfTypes.Enum or BtfTypes.Typedef && types.Name(type[0]) is var name && name is not null)
            {
                foreach ((uint kind, byte[] other) in wanted)
                {
                    if (kind == KindOf(type) && IsSame(other, name))
                    {
                        found.Add(id);
                    }
                }
            }
        }

        return offsets[..(int)id];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSame(byte[] name, byte* other)
    {
        // Both end with a zero.
        int i = 0;
        while (name[i] == other[i])
        {
            if (name[i++] == 0)
            {
                return true;
            }
        }

        return false;
    }

    // With the types of their members, and those of theirs; not with what pointers point to, at which libbpf does not look.
    private static HashSet<uint>? Close(BtfTypes types, uint[] offsets, List<uint> found)
    {
        HashSet<uint> kept = [];
        Stack<uint> left = new(found);
        while (left.TryPop(out uint id))
        {
            if (id >= offsets.Length)
            {
                return null;
            }

            if (id == 0 || !kept.Add(id))
            {
                continue;
            }

            uint* type = types.First + offsets[id];
            switch (BtfTypes.KindOf(type))
            {
                case BtfTypes.Array:
                    left.Push(type[3]);
                    left.Push(type[4]);
                    break;
                case BtfTypes.Struct or BtfTypes.Union:
                    for (uint i = 0; i < BtfTypes.MembersOf(type); i++)
                    {
                        left.Push(type[3 + (3 * i) + 1]);
                    }

                    break;
                case BtfTypes.Typedef or BtfTypes.Volatile or BtfTypes.Const or BtfTypes.Restrict or BtfTypes.TypeTag:
                    left.Push(type[2]);
                    break;
            }
        }

        return kept;
    }

    // The shortest of types, a floating-point number without a name, stands in the place of each that is left out. Most of the
    // whole are names, so that only those in use are taken over.
    private static byte[] Write(BtfTypes types, uint[] offsets, HashSet<uint> kept)
    {
        ReadOnlySpan<uint> nothing = [0, BtfTypes.Float << 24, sizeof(float)];
        uint last = kept.Max();
        int size = sizeof(uint) * (((int)last * nothing.Length) + kept.Sum(id => (int)types.WordsOf(types.First + offsets[id]) - 3));
        uint[] words = new uint[(BtfTypes.HeaderSize + size) / sizeof(uint)];
        Names names = new(types);
        Span<uint> left = words.AsSpan(BtfTypes.HeaderSize / sizeof(uint));
        for (uint id = 1; id <= last; id++)
        {
            uint* type = types.First + offsets[id];
            ReadOnlySpan<uint> written = kept.Contains(id) ? new(type, (int)types.WordsOf(type)) : nothing;
            written.CopyTo(left);
            if (kept.Contains(id))
            {
                names.Move(type, left[..written.Length]);
                if (BtfTypes.KindOf(type) == BtfTypes.Pointer)
                {
                    // To void.
                    left[2] = 0;
                }
            }

            left = left[written.Length..];
        }

        new uint[] { BtfTypes.Head, BtfTypes.HeaderSize, 0, (uint)size, (uint)size, (uint)names.Bytes.Length }.CopyTo(words, 0);
        return [.. MemoryMarshal.AsBytes(words), .. names.Bytes];
    }

    /// <summary>The names of types and of their members, each once.</summary>
    private sealed class Names(BtfTypes types)
    {
        private readonly Dictionary<uint, uint> _moved = new() { [0] = 0 };
        private readonly List<byte> _bytes = [0];

        public ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

        /// <summary>Takes over the names of a type.</summary>
        /// <param name="type">The type.</param>
        /// <param name="copy">The same, to say where its names stand now.</param>
        public void Move(uint* type, Span<uint> copy)
        {
            copy[0] = Moved(copy[0]);
            if (BtfTypes.KindOf(type) is BtfTypes.Struct or BtfTypes.Union or BtfTypes.Enum or BtfTypes.Enum64)
            {
                int members = (int)BtfTypes.MembersOf(type);
                for (int i = 0; i < members; i++)
                {
                    ref uint name = ref copy[3 + (i * (copy.Length - 3) / members)];
                    name = Moved(name);
                }
            }
        }

        private uint Moved(uint offset)
        {
            if (!_moved.TryGetValue(offset, out uint moved))
            {
                moved = (uint)_bytes.Count;
                byte* name = types.Name(offset);
                _bytes.AddRange(name is null ? [0] : new ReadOnlySpan<byte>(name, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name).Length + 1));
                _moved.Add(offset, moved);
            }

            return moved;
        }
    }
}

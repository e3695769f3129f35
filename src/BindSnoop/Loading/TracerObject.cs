using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>A BPF object of ours: opened, then configured, then loaded into the kernel.</summary>
internal sealed unsafe class TracerObject : IDisposable
{
    private readonly BpfObject _object;
    private readonly FileDescriptor? _types;
    private readonly List<nint> _programs = [];

    /// <summary>Opens it; nothing is in the kernel yet.</summary>
    public TracerObject(byte[] image)
        : this(image, BtfSubset.Make(KernelTypes.Read(), image))
    {
    }

    /// <summary>The same with the type information that its relocations go by; null for the kernel's.</summary>
    internal TracerObject(byte[] image, byte[]? types)
    {
        KernelTypes kernel = TracerDefinition.KernelTypes;
        IteratorSections.Register(kernel);
        if (kernel.HasCast)
        {
            CastCalls.Resolve(image, kernel.CastId);
        }

        _types = Hold(types);
        fixed (byte* pointer = image)
        fixed (byte* path = Encoding.ASCII.GetBytes($"/proc/self/fd/{_types?.Value}\0"))
        {
            BpfObjectOpenOptions options = new() { Size = (nuint)sizeof(BpfObjectOpenOptions), BtfCustomPath = _types is null ? null : path };
            _object = LibBpf.bpf_object__open_mem(pointer, (nuint)image.Length, &options);
        }

        if (_object.IsInvalid)
        {
            int errno = Marshal.GetLastPInvokeError();
            Dispose();
            throw BpfError.From("BpfOpenFailed", "Opening the BPF object failed", -errno);
        }
    }

    /// <summary>What keeps its maps from going while they are looked at.</summary>
    public SafeHandle Handle => _object;

    /// <summary>The programs that were chosen.</summary>
    public IReadOnlyList<nint> Programs => _programs;

    public static string NameOf(nint program) =>
        Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(LibBpf.bpf_program__name(program)));

    /// <summary>Before loading: which of its programs are to be loaded.</summary>
    public void Choose(IReadOnlySet<string> names)
    {
        for (nint program = 0; (program = LibBpf.bpf_object__next_program(_object, program)) != 0;)
        {
            bool chosen = names.Contains(NameOf(program));
            BpfError.Check("BpfOpenFailed", "Choosing the BPF programs failed", LibBpf.bpf_program__set_autoload(program, chosen));
            if (chosen)
            {
                _programs.Add(program);
            }
        }
    }

    /// <summary>Before loading: how many entries a map has, of a ring buffer how many bytes.</summary>
    public void Resize(string map, int entries) =>
        BpfError.Check("BpfOpenFailed", $"Sizing the BPF map {map} failed", LibBpf.bpf_map__set_max_entries(Map(map), (uint)entries));

    /// <summary>Before loading: another map in the place of this one.</summary>
    public void Replace(string map, FileDescriptor by) =>
        BpfError.Check("PinnedMapMismatch", "Using the pinned map failed", LibBpf.bpf_map__reuse_fd(Map(map), by.Value));

    /// <summary>Before loading: the constants, or the initial data, to be set in place.</summary>
    public Span<byte> InitialValue(string map)
    {
        void* value = LibBpf.bpf_map__initial_value(Map(map), out nuint size);
        return new Span<byte>(value, (int)size);
    }

    /// <exception cref="TraceException"><c>BpfLoadFailed</c>: the kernel refuses.</exception>
    public void Load(string refused)
    {
        int result = LibBpf.bpf_object__load(_object);
        _types?.Dispose();
        BpfError.Check("BpfLoadFailed", refused, result, refusesBackend: true);
    }

    /// <summary>One of the programs, or 0.</summary>
    public nint Program(string name) => LibBpf.bpf_object__find_program_by_name(_object, name);

    /// <summary>Once loaded: a map's descriptor, valid as long as the object.</summary>
    public int MapFd(string map) => LibBpf.bpf_map__fd(Map(map));

    /// <summary>Once loaded: adds to a map, or changes what it has.</summary>
    public void Set(string map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyBytes = key)
        fixed (byte* valueBytes = value)
        {
            BpfError.Check("SetFilterFailed", $"Filling {map} failed", LibBpf.bpf_map_update_elem(MapFd(map), keyBytes, valueBytes, 0));
        }
    }

    /// <summary>How often the kernel has left out the programs, as one of them was running already.</summary>
    public long RecursionMisses() =>
        // Those run at every bind and look at few: calls that they miss are among those entered and not left.
        _programs.Where(p => !NameOf(p).EndsWith(CgroupDefinition.NoPortSuffix, StringComparison.Ordinal)).Sum(MissesOf);

    public void Dispose()
    {
        _object.Dispose();
        _types?.Dispose();
    }

    // libbpf takes them by a path alone, and reads them when it loads the object.
    private static FileDescriptor? Hold(byte[]? types)
    {
        if (types is null)
        {
            return null;
        }

        FileDescriptor file = Libc.memfd_create("bindsnoop-types", Libc.MFD_CLOEXEC);
        fixed (byte* data = types)
        {
            if (!file.IsInvalid && Libc.write(file, data, (nuint)types.Length) == types.Length && File.Exists($"/proc/self/fd/{file.Value}"))
            {
                return file;
            }
        }

        file.Dispose();
        return null;
    }

    private static long MissesOf(nint program)
    {
        // struct bpf_prog_info (linux/bpf.h): recursion_misses is at 208, zero where the kernel is older than 5.12.
        const int Size = 232;
        const int RecursionMisses = 208;
        byte* info = stackalloc byte[Size];
        new Span<byte>(info, Size).Clear();
        uint length = Size;
        return LibBpf.bpf_obj_get_info_by_fd(LibBpf.bpf_program__fd(program), info, ref length) == 0
            ? *(long*)(info + RecursionMisses)
            : 0;
    }

    private nint Map(string name)
    {
        nint map = LibBpf.bpf_object__find_map_by_name(_object, name);
        return map != 0 ? map : throw new InvalidOperationException($"The BPF object has no map {name}.");
    }
}

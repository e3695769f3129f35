using System.Runtime.InteropServices;

namespace BindSnoop.Interop;

/// <summary>The part of libbpf 1.x that the engine uses. Names and semantics are libbpf's own.</summary>
internal static unsafe partial class LibBpf
{
    private const string Library = "libbpf.so.1";

    // All of those below, as a test sees to.
    private static readonly string[] s_functions =
    [
        nameof(libbpf_set_print), nameof(libbpf_version_string), nameof(bpf_object__open_mem),
        nameof(bpf_object__load), nameof(bpf_object__close), nameof(bpf_object__next_program), nameof(bpf_object__find_map_by_name),
        nameof(bpf_program__name), nameof(bpf_program__set_autoload), nameof(bpf_program__fd), nameof(bpf_program__attach_trace),
        nameof(bpf_program__attach_kprobe), nameof(bpf_program__attach_perf_event), nameof(bpf_program__attach_raw_tracepoint),
        nameof(bpf_program__attach_cgroup),
        nameof(bpf_link__destroy), nameof(bpf_map__fd),
        nameof(bpf_map__set_max_entries), nameof(bpf_map__reuse_fd), nameof(bpf_map__initial_value), nameof(bpf_prog_load),
        nameof(bpf_obj_get), nameof(bpf_obj_get_info_by_fd), nameof(bpf_map_update_elem), nameof(bpf_map_lookup_elem), nameof(bpf_map_get_next_key),
        nameof(bpf_map_lookup_batch), nameof(bpf_object__find_program_by_name), nameof(bpf_program__attach_iter), nameof(bpf_link__fd),
        nameof(bpf_iter_create), nameof(bpf_prog_test_run_opts),
    ];

    /// <summary>
    /// Fails with one clear error where libbpf is missing, or lacks what is used of it, instead of a
    /// <see cref="DllNotFoundException"/> from the depth of whatever touches it first.
    /// </summary>
    public static void EnsureLoaded()
    {
        const string Remedy = "Install libbpf 1.0 or later: 'apt install libbpf1' (Debian, Ubuntu), 'dnf install libbpf' (Fedora).";
        if (!NativeLibrary.TryLoad(Library, typeof(LibBpf).Assembly, null, out nint library))
        {
            throw new TraceException(
                "LibBpfNotFound", TraceErrorKind.NotInstalled, $"The library {Library} is not installed on this machine.", Remedy);
        }

        if (s_functions.FirstOrDefault(f => !NativeLibrary.TryGetExport(library, f, out _)) is { } missing)
        {
            throw new TraceException(
                "LibBpfTooOld", TraceErrorKind.NotInstalled, $"The library {Library} of this machine has no function {missing}.", Remedy);
        }
    }

    [LibraryImport(Library)]
    public static partial nint libbpf_set_print(delegate* unmanaged<int, byte*, nint, int> print);

    [LibraryImport(Library)]
    public static partial byte* libbpf_version_string();

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfObject bpf_object__open_mem(byte* image, nuint size, nint options);

    [LibraryImport(Library)]
    public static partial int bpf_object__load(BpfObject @object);

    [LibraryImport(Library)]
    public static partial void bpf_object__close(nint @object);

    [LibraryImport(Library)]
    public static partial nint bpf_object__next_program(BpfObject @object, nint previous);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint bpf_object__find_map_by_name(BpfObject @object, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint bpf_object__find_program_by_name(BpfObject @object, string name);

    [LibraryImport(Library)]
    public static partial byte* bpf_program__name(nint program);

    [LibraryImport(Library)]
    public static partial int bpf_program__set_autoload(nint program, [MarshalAs(UnmanagedType.U1)] bool autoload);

    [LibraryImport(Library)]
    public static partial int bpf_program__fd(nint program);

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfLink bpf_program__attach_trace(nint program);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial BpfLink bpf_program__attach_kprobe(
        nint program, [MarshalAs(UnmanagedType.U1)] bool retprobe, string function);

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfLink bpf_program__attach_perf_event(nint program, int perfEvent);

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfLink bpf_program__attach_iter(nint program, nint options);

    [LibraryImport(Library)]
    public static partial int bpf_link__fd(BpfLink link);

    [LibraryImport(Library, SetLastError = true)]
    public static partial FileDescriptor bpf_iter_create(int link);

    [LibraryImport(Library)]
    public static partial int bpf_prog_test_run_opts(int program, ref BpfTestRunOptions options);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial BpfLink bpf_program__attach_raw_tracepoint(nint program, string name);

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfLink bpf_program__attach_cgroup(nint program, int cgroup);

    [LibraryImport(Library)]
    public static partial int bpf_link__destroy(nint link);

    [LibraryImport(Library)]
    public static partial int bpf_map__fd(nint map);

    [LibraryImport(Library)]
    public static partial int bpf_map__set_max_entries(nint map, uint entries);

    [LibraryImport(Library)]
    public static partial int bpf_map__reuse_fd(nint map, int fd);

    [LibraryImport(Library)]
    public static partial void* bpf_map__initial_value(nint map, out nuint size);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int bpf_prog_load(
        uint type, string name, string license, ulong* instructions, nuint count, in BpfProgramLoadOptions options);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int bpf_obj_get(string path);

    [LibraryImport(Library)]
    public static partial int bpf_obj_get_info_by_fd(int fd, void* info, ref uint length);

    [LibraryImport(Library)]
    public static partial int bpf_map_update_elem(int map, void* key, void* value, ulong flags);

    [LibraryImport(Library)]
    public static partial int bpf_map_lookup_elem(int map, void* key, void* value);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int bpf_map_get_next_key(int map, void* key, void* next);

    [LibraryImport(Library)]
    public static partial int bpf_map_lookup_batch(
        int map, void* inBatch, void* outBatch, void* keys, void* values, ref uint count, nint options);
}

/// <summary><c>struct bpf_prog_load_opts</c>, as far as it is used.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BpfProgramLoadOptions
{
    public nuint Size;
    public int Attempts;
    public uint ExpectedAttachType;
    public uint ProgramBtf;
    public uint ProgramFlags;
    public uint ProgramInterface;
    public uint KernelVersion;
    public uint AttachBtfId;
    public uint AttachProgram;
}

/// <summary><c>struct bpf_test_run_opts</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BpfTestRunOptions
{
    public nuint Size;
    public nint DataIn;
    public nint DataOut;
    public uint DataSizeIn;
    public uint DataSizeOut;
    public nint ContextIn;
    public nint ContextOut;
    public uint ContextSizeIn;
    public uint ContextSizeOut;
    public uint Result;
    public int Repeat;
    public uint Duration;
    public uint Flags;
    public uint Processor;
}

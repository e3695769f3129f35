using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;

namespace BindSnoop.Interop;

/// <summary>The part of libbpf 1.x that the engine uses. Names and semantics are libbpf's own.</summary>
internal static unsafe partial class LibBpf
{
    /// <summary>The environment variable that asks for the system's library where the module brings another.</summary>
    public const string Variable = "BINDSNOOP_LIBBPF";

    /// <summary>Of enum bpf_prog_type (linux/bpf.h).</summary>
    public const int BPF_PROG_TYPE_RAW_TRACEPOINT = 17;

    /// <inheritdoc cref="BPF_PROG_TYPE_RAW_TRACEPOINT"/>
    public const int BPF_PROG_TYPE_TRACING = 26;

    /// <summary>Of enum bpf_attach_type (linux/bpf.h).</summary>
    public const int BPF_TRACE_FEXIT = 25;

    /// <inheritdoc cref="BPF_TRACE_FEXIT"/>
    public const int BPF_TRACE_ITER = 28;

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
        nameof(bpf_iter_create), nameof(bpf_prog_test_run_opts), nameof(bpf_program__set_type), nameof(libbpf_register_prog_handler),
    ];

    /// <summary>Whether it is part of this program, as in the native build of the command line. A constant there, which leaves out the search.</summary>
    [FeatureSwitchDefinition("BindSnoop.LibBpf.IsLinked")]
    public static bool IsLinked => AppContext.TryGetSwitch("BindSnoop.LibBpf.IsLinked", out bool linked) && linked;

    static LibBpf()
    {
        if (!IsLinked)
        {
            NativeLibrary.SetDllImportResolver(typeof(LibBpf).Assembly, (name, _, _) => name == Library && TryLoad(out nint library) ? library : 0);
        }
    }

    /// <summary>
    /// Fails with one clear error where libbpf is missing, or lacks what is used of it, instead of a
    /// <see cref="DllNotFoundException"/> from the depth of whatever touches it first.
    /// </summary>
    public static void EnsureLoaded()
    {
        if (IsLinked)
        {
            return;
        }

        if (Environment.GetEnvironmentVariable(Variable) is { } choice and not ("" or "system"))
        {
            throw new TraceException(
                "LibBpfChoiceInvalid",
                TraceErrorKind.InvalidArgument,
                $"The environment variable {Variable} can only be 'system'.",
                "Set it to 'system' to use the system's libbpf instead of the module's, or unset it.",
                choice);
        }

        if (!TryLoad(out nint library))
        {
            throw new TraceException(
                "LibBpfNotFound", TraceErrorKind.NotInstalled, $"The library {Library} is not installed on this machine.", LibBpfAdvice.ForThisMachine());
        }

        if (s_functions.FirstOrDefault(f => !NativeLibrary.TryGetExport(library, f, out _)) is { } missing)
        {
            throw new TraceException(
                "LibBpfTooOld", TraceErrorKind.NotInstalled, $"This machine's library {Library} has no function {missing}.", LibBpfAdvice.ForThisMachine());
        }
    }

    /// <summary>The file that it was loaded from; empty if it is part of this program.</summary>
    public static string LoadedFrom()
    {
        // proc_pid_maps(5): it follows the path of a file that was replaced since, as an upgrade of the module does.
        const string Deleted = " (deleted)";
        if (IsLinked)
        {
            return "";
        }

        _ = TryLoad(out nint library);
        ulong function = (ulong)NativeLibrary.GetExport(library, nameof(libbpf_version_string));
        NativeLibrary.Free(library);
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            // FROM-TO PERMISSIONS OFFSET DEVICE INODE PATH; a path may have spaces.
            string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            string[] range = fields[0].Split('-');
            if (function >= Address(range[0]) && function < Address(range[1]))
            {
                string path = fields.Length > 5 ? fields[5].Trim() : "";
                return path.EndsWith(Deleted, StringComparison.Ordinal) ? path[..^Deleted.Length] : path;
            }
        }

        return "";

        static ulong Address(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }

    /// <summary>The module's own, where it has one that this C library can load; else the system's.</summary>
    private static bool TryLoad(out nint library)
    {
        library = 0;
        return (Environment.GetEnvironmentVariable(Variable) != "system" && Bundled() is { } own && NativeLibrary.TryLoad(own, out library))
            || NativeLibrary.TryLoad(Library, typeof(LibBpf).Assembly, null, out library);
    }

    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "What is one file has it linked in, or no file beside it.")]
    private static string? Bundled() =>
        Path.GetDirectoryName(typeof(LibBpf).Assembly.Location) is { Length: > 0 } folder
        && Path.Combine(folder, "runtimes", $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "native", Library) is var path
        && File.Exists(path)
            ? path : null;

    [LibraryImport(Library)]
    public static partial nint libbpf_set_print(delegate* unmanaged<int, byte*, nint, int> print);

    [LibraryImport(Library)]
    public static partial byte* libbpf_version_string();

    [LibraryImport(Library, SetLastError = true)]
    public static partial BpfObject bpf_object__open_mem(byte* image, nuint size, BpfObjectOpenOptions* options);

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
    public static partial int bpf_program__set_type(nint program, int type);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int libbpf_register_prog_handler(string section, int type, int attachType, BpfSectionOptions* options);

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

/// <summary><c>struct bpf_object_open_opts</c> (libbpf.h), as far as it is used.</summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
internal unsafe struct BpfObjectOpenOptions
{
    /// <summary>How much of it is given.</summary>
    [FieldOffset(0)]
    public nuint Size;

    /// <summary>A file of type information that relocations go by, instead of the kernel's; read when the object is loaded.</summary>
    [FieldOffset(48)]
    public byte* BtfCustomPath;
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

/// <summary><c>struct libbpf_prog_handler_opts</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BpfSectionOptions
{
    public nuint Size;
    public nint Cookie;
    public nint Setup;

    /// <summary>Called for a program of the section before it is loaded: with the program, how it will be loaded, and the cookie.</summary>
    public delegate* unmanaged<nint, BpfProgramLoadOptions*, nint, int> PrepareLoad;
    public nint Attach;
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

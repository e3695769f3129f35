using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Interop;
using Microsoft.Win32.SafeHandles;

namespace BindSnoop.Host;

/// <summary>
/// What the engine has to know of the running kernel's type information (BTF) beyond the relocations
/// that libbpf makes: which functions there are, and the values of enumerators of an enum without a name.
/// It is read in one pass over the raw data, as letting libbpf index all of it takes many times as long.
/// </summary>
internal sealed unsafe class KernelTypes
{
    /// <summary>Where the kernel shows its type information.</summary>
    public const string Path = "/sys/kernel/btf/vmlinux";

    private const string CastFunction = "bpf_rdonly_cast";

    // The functions that stand for iterators (DEFINE_BPF_ITER_FUNC() of linux/bpf.h).
    private const string IteratorPrefix = "bpf_iter_";

    /// <summary>The iterators that programs are made for.</summary>
    public static IReadOnlyList<string> Iterators { get; } = ["task", "task_file"];

    private static readonly byte[][] s_enumeratorNames =
    [
        "INET_FLAGS_FREEBIND\0"u8.ToArray(), "INET_FLAGS_TRANSPARENT\0"u8.ToArray(), "INET_FLAGS_BIND_ADDRESS_NO_PORT\0"u8.ToArray(),
        "BPF_FUNC_task_pt_regs\0"u8.ToArray(), "BPF_FUNC_loop\0"u8.ToArray(),
    ];

    // The kernel's own pages, so nothing of the process's: stays mapped.
    private static readonly Lazy<(nint Address, int Length)> s_mapped = new(Map);

    // It is 6 MB and wanted more than once at a start; afterwards the memory is of more use.
    private static readonly WeakReference<byte[]?> s_read = new(null);

    private readonly byte[][] _functionNames;
    private readonly Dictionary<string, uint> _functions = [];
    private readonly Dictionary<string, int> _enumerators = [];

    /// <summary>Reads type information; <see cref="Load"/> takes the kernel's.</summary>
    /// <param name="functions">Those that <see cref="HasFunction"/> will be asked for.</param>
    /// <exception cref="TraceException"><c>BtfNotFound</c>: it is not what it should be.</exception>
    internal KernelTypes(ReadOnlySpan<byte> btf, IEnumerable<string> functions)
    {
        _functionNames = [.. functions.Append(CastFunction).Concat(Iterators.Select(n => IteratorPrefix + n)).Select(n => Encoding.ASCII.GetBytes(n + '\0'))];
        fixed (byte* data = btf)
        {
            Walk(new BtfTypes(data, btf.Length));
        }
    }

    /// <summary>Whether the kernel, with the modules that are built in, has one of the functions that were named.</summary>
    public bool HasFunction(string name) => _functions.ContainsKey(name);

    /// <summary>The number of such a function's type.</summary>
    public uint FunctionId(string name) => _functions[name];

    /// <summary>The number of the type that an iterator's programs are attached to; 0 if the kernel does not have it.</summary>
    public uint IteratorId(string name) => _functions.GetValueOrDefault(IteratorPrefix + name);

    /// <summary>The value of an <c>INET_FLAGS_*</c> enumerator; null before 6.6, which does not have them.</summary>
    public int? InetFlag(string name) => _enumerators.TryGetValue("INET_FLAGS_" + name, out int value) ? value : null;

    /// <summary>Whether BPF programs can read the registers a system call was entered with: since 5.15 (dd6e10fbd9fb, "bpf: Add bpf_task_pt_regs() helper").</summary>
    public bool HasTaskRegisters => _enumerators.ContainsKey("BPF_FUNC_task_pt_regs");

    /// <summary>Whether BPF programs can go round as often as they like: since 5.17 (e6f2dd0f8067, "bpf: Add bpf_loop helper").</summary>
    public bool HasLoop => _enumerators.ContainsKey("BPF_FUNC_loop");

    /// <summary>Reads the type information of the running kernel, which takes some milliseconds.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static KernelTypes Load(IEnumerable<string> functions) => new(Read(), functions);

    /// <summary>The type information of the running kernel, as it stands.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static ReadOnlySpan<byte> Read()
    {
        if (s_mapped.Value is { Length: > 0 } mapped)
        {
            return new((void*)mapped.Address, mapped.Length);
        }

        if (s_read.TryGetTarget(out byte[]? read))
        {
            return read;
        }

        try
        {
            read = File.ReadAllBytes(Path);
            s_read.SetTarget(read);
            return read;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // .NET's own message names the path once more.
            using FileDescriptor file = Libc.open(Path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            throw BtfTypes.NotFound(Errno.Describe(Marshal.GetLastPInvokeError()));
        }
    }

    /// <summary>Whether BPF programs can give an address a type: since 6.2 (a35b9af4ec2c, "bpf: Add a kfunc for generic type cast").</summary>
    public bool HasCast => HasFunction(CastFunction);

    /// <summary>The number of the type of the function that does so.</summary>
    public uint CastId => FunctionId(CastFunction);

    // Reading is by the page, and takes as long as a tenth of a start. Possible since 6.16 (a539e2a6d51d, "btf: Allow mmap of
    // vmlinux btf"), which refuses mappings that are shared.
    private static (nint Address, int Length) Map()
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(Path);
            int length = (int)RandomAccess.GetLength(file);
            nint address = Libc.mmap(0, (nuint)length, Libc.PROT_READ, Libc.MAP_PRIVATE, (int)file.DangerousGetHandle(), 0);
            return address == -1 ? default : (address, length);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it says why not.
            return default;
        }
    }

    // It runs once, over more than a hundred thousand types: too late for the compiler to notice by itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Walk(BtfTypes data)
    {
        uint words;
        uint id = 1;
        for (uint* type = data.First; type < data.End; type += words, id++)
        {
            words = data.WordsOf(type);
            if (BtfTypes.KindOf(type) == BtfTypes.Function)
            {
                if (Find(_functionNames, data.Name(type[0])) is { } name)
                {
                    _functions[name] = id;
                }
            }
            else if (BtfTypes.KindOf(type) == BtfTypes.Enum)
            {
                for (uint i = 0; i < BtfTypes.MembersOf(type); i++)
                {
                    uint* member = type + 3 + (2 * i);
                    if (Find(s_enumeratorNames, data.Name(member[0])) is { } name)
                    {
                        _enumerators[name] = (int)member[1];
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static string? Find(byte[][] names, byte* candidate)
    {
        if (candidate is null)
        {
            return null;
        }

        // Neither runs past its end: both are closed by a zero, the last of all strings too.
        foreach (byte[] name in names)
        {
            int i = 0;
            while (name[i] == candidate[i])
            {
                if (name[i++] == 0)
                {
                    return Encoding.ASCII.GetString(name, 0, i - 1);
                }
            }
        }

        return null;
    }
}

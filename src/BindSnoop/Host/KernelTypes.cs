using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>
/// What the engine has to know of the running kernel's type information (BTF) beyond the relocations
/// that libbpf makes: which functions there are, and the values of enumerators of an enum without a name.
/// It is read in one pass over the raw data, as letting libbpf index all of it takes many times as long.
/// </summary>
internal sealed unsafe class KernelTypes
{
    private const string Path = "/sys/kernel/btf/vmlinux";
    private const uint Magic = 0xeb9f;
    private const string CastFunction = "bpf_rdonly_cast";
    private const uint KindEnum = 6;
    private const uint KindFunction = 12;
    private const uint KindLast = 19;

    // Documentation/bpf/btf.rst: words behind a type's own three, for the type and for each of its members.
    private static readonly byte[] s_extraWords = [0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
    private static readonly byte[] s_memberWords = [0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3];

    private static readonly byte[][] s_enumeratorNames =
    [
        "INET_FLAGS_FREEBIND\0"u8.ToArray(), "INET_FLAGS_TRANSPARENT\0"u8.ToArray(), "INET_FLAGS_BIND_ADDRESS_NO_PORT\0"u8.ToArray(),
        "BPF_FUNC_task_pt_regs\0"u8.ToArray(), "BPF_FUNC_loop\0"u8.ToArray(),
    ];

    private readonly byte[][] _functionNames;
    private readonly Dictionary<string, uint> _functions = [];
    private readonly Dictionary<string, int> _enumerators = [];

    /// <summary>Reads type information; <see cref="Load"/> takes the kernel's.</summary>
    /// <param name="functions">Those that <see cref="HasFunction"/> will be asked for.</param>
    /// <exception cref="TraceException"><c>BtfNotFound</c>: it is not what it should be.</exception>
    internal KernelTypes(ReadOnlySpan<byte> btf, IEnumerable<string> functions)
    {
        _functionNames = [.. functions.Append(CastFunction).Select(n => Encoding.ASCII.GetBytes(n + '\0'))];
        fixed (byte* data = btf)
        {
            // struct btf_header: magic, version, flags, its length, then offset and length of types and strings.
            uint* header = (uint*)data;
            if (btf.Length < 24 || (header[0] & 0xffff) != Magic ||
                (long)header[1] + header[2] + header[3] > btf.Length || (long)header[1] + header[4] + header[5] > btf.Length ||
                header[5] == 0 || data[(long)header[1] + header[4] + header[5] - 1] != 0)
            {
                throw NotFound("it is not understood");
            }

            uint* types = (uint*)(data + header[1] + header[2]);
            Walk(types, types + (header[3] / sizeof(uint)), data + header[1] + header[4], header[5]);
        }
    }

    /// <summary>Tells whether the kernel, with the modules that are built in, has one of the functions that were named.</summary>
    public bool HasFunction(string name) => _functions.ContainsKey(name);

    /// <summary>The number of such a function's type.</summary>
    public uint FunctionId(string name) => _functions[name];

    /// <summary>The value of an <c>INET_FLAGS_*</c> enumerator; null before 6.6, which does not have them.</summary>
    public int? InetFlag(string name) => _enumerators.TryGetValue("INET_FLAGS_" + name, out int value) ? value : null;

    /// <summary>Whether BPF programs can read the registers a system call was entered with: since 5.15 (dd6e10fbd9fb, "bpf: Add bpf_task_pt_regs() helper").</summary>
    public bool HasTaskRegisters => _enumerators.ContainsKey("BPF_FUNC_task_pt_regs");

    /// <summary>Whether BPF programs can go round as often as they like: since 5.17 (e6f2dd0f8067, "bpf: Add bpf_loop helper").</summary>
    public bool HasLoop => _enumerators.ContainsKey("BPF_FUNC_loop");

    /// <summary>Reads the type information of the running kernel, which takes some milliseconds.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static KernelTypes Load(IEnumerable<string> functions)
    {
        byte[] btf;
        try
        {
            btf = File.ReadAllBytes(Path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // .NET's own message names the path once more.
            using FileDescriptor file = Libc.open(Path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            throw NotFound(Errno.Describe(Marshal.GetLastPInvokeError()));
        }

        return new KernelTypes(btf, functions);
    }

    /// <summary>Whether BPF programs can give an address a type: since 6.2 (a35b9af4ec2c, "bpf: Add a kfunc for generic type cast").</summary>
    public bool HasCast => HasFunction(CastFunction);

    private static TraceException NotFound(string why) => new(
        "BtfNotFound",
        TraceErrorKind.NotImplemented,
        $"This kernel gives no type information ({Path}): {why}.",
        "Run a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's is), and see that /sys is mounted.");

    // It runs once, over more than a hundred thousand types: too late for the compiler to notice by itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Walk(uint* type, uint* end, byte* strings, uint stringsLength)
    {
        for (uint id = 1; type < end; id++)
        {
            // struct btf_type: name offset, kind and number of members, size or type.
            if (end - type < 3)
            {
                throw NotFound("it ends within a type");
            }

            uint kind = (type[1] >> 24) & 0x1f;
            uint members = type[1] & 0xffff;
            if (kind > KindLast)
            {
                throw NotFound($"it has types of the unknown kind {kind}");
            }

            uint words = 3u + s_extraWords[kind] + (s_memberWords[kind] * members);
            if (end - type < words)
            {
                throw NotFound("it ends within a type");
            }

            if (kind == KindFunction)
            {
                if (type[0] < stringsLength && Find(_functionNames, strings + type[0]) is { } name)
                {
                    _functions[name] = id;
                }
            }
            else if (kind == KindEnum)
            {
                for (uint i = 0; i < members; i++)
                {
                    uint* member = type + 3 + (2 * i);
                    if (member[0] < stringsLength && Find(s_enumeratorNames, strings + member[0]) is { } name)
                    {
                        _enumerators[name] = (int)member[1];
                    }
                }
            }

            type += words;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static string? Find(byte[][] names, byte* candidate)
    {
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

using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Native;

namespace BindSnoop.Kernel;

/// <summary>
/// What the engine has to know of the running kernel's type information (BTF) beyond the relocations
/// that libbpf makes: which functions there are, and the values of enumerators of an enum without a name.
/// </summary>
internal sealed unsafe class KernelTypes
{
    private const uint KindEnum = 6;
    private const uint KindFunction = 12;

    private static readonly object s_lock = new();
    private static KernelTypes? s_current;

    private readonly HashSet<string> _functions = [];
    private readonly Dictionary<string, int> _enumerators = [];

    private KernelTypes(BtfHandle btf, byte[][] functions, byte[] enumeratorPrefix)
    {
        nint pointer = btf.DangerousGetHandle();
        uint count = LibBpf.btf__type_cnt(pointer);
        for (uint id = 1; id < count; id++)
        {
            // struct btf_type (linux/btf.h): name offset, kind and number of members, size or type.
            uint* type = LibBpf.btf__type_by_id(pointer, id);
            uint kind = (type[1] >> 24) & 0x1f;
            if (kind == KindFunction)
            {
                ReadOnlySpan<byte> name = NameAt(pointer, type[0]);
                foreach (byte[] wanted in functions)
                {
                    if (name.SequenceEqual(wanted))
                    {
                        _functions.Add(Encoding.ASCII.GetString(name));
                    }
                }
            }
            else if (kind == KindEnum)
            {
                uint members = type[1] & 0xffff;
                for (uint i = 0; i < members; i++)
                {
                    uint* member = type + 3 + (2 * i);
                    ReadOnlySpan<byte> name = NameAt(pointer, member[0]);
                    if (!name.StartsWith(enumeratorPrefix))
                    {
                        break;
                    }

                    _enumerators[Encoding.ASCII.GetString(name)] = (int)member[1];
                }
            }
        }
    }

    /// <summary>Reads the kernel's BTF once in the life of the process.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static KernelTypes Current
    {
        get
        {
            lock (s_lock)
            {
                return s_current ??= Load();
            }
        }
    }

    /// <summary>Tells whether the kernel, with the modules that are built in, has one of the functions hooked here.</summary>
    public bool HasFunction(string name) => _functions.Contains(name);

    /// <summary>The value of an <c>INET_FLAGS_*</c> enumerator; null before 6.6, which does not have them.</summary>
    public int? InetFlag(string name) => _enumerators.TryGetValue("INET_FLAGS_" + name, out int value) ? value : null;

    private static KernelTypes Load()
    {
        LibBpf.EnsureLoaded();
        LibBpfLog.Begin();
        using BtfHandle btf = LibBpf.btf__load_vmlinux_btf();
        int errno = Marshal.GetLastPInvokeError();
        LibBpfLog.End();
        if (btf.IsInvalid)
        {
            throw new TraceException(
                "BtfNotFound",
                TraceErrorKind.NotImplemented,
                $"This kernel gives no type information (/sys/kernel/btf/vmlinux): {Errno.Describe(errno)}.",
                "Run a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current distribution's is), and see that /sys is mounted.");
        }

        return new KernelTypes(
            btf,
            [.. Tracing.TracerDefinition.All.SelectMany(d => d.Functions).Select(f => Encoding.ASCII.GetBytes(f.Name))],
            "INET_FLAGS_"u8.ToArray());
    }

    private static ReadOnlySpan<byte> NameAt(nint btf, uint offset) =>
        MemoryMarshal.CreateReadOnlySpanFromNullTerminated(LibBpf.btf__name_by_offset(btf, offset));
}

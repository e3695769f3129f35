using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Sockets;

/// <summary>
/// The BPF programs of bpf/sockets.bpf.c, loaded and ready to be run any number of times: by one thread those that look for
/// descriptors, by one at the same time those that walk over tables.
/// Nothing is hooked; disposal leaves nothing in the kernel.
/// </summary>
internal sealed unsafe class SocketProgram : IDisposable
{
    /// <summary>How many samples the walk has room for: FOUND of bpf/sockets.bpf.c.</summary>
    private const int Found = 4096;

    // FILE_BITS and looked_for() of bpf/sockets.bpf.c.
    private const ulong FileHash = 0x9e3779b97f4a7c15;
    private const int FileHashShift = 52;

    // From here on a walk of all buckets is faster than one of each.
    private const int MostBuckets = 32;

    // A buffer of the kernel's own, of eight pages, is the most that one read of an iterator gives.
    private const int ReadSize = 8 * 4096;

    private const string RefusedId = "SocketProgramRefused";
    private const string Refused = "The kernel refused the BPF programs that list sockets";

    private readonly TracerObject? _object;
    private readonly BpfLink _files;
    private readonly BpfLink? _owners;
    private readonly BpfLink _exiting;
    private readonly MemoryMap _request;
    private readonly MemoryMap _walk;
    private readonly MemoryMap _found;
    private readonly int _walkProgram;

    /// <param name="findsOwners">
    /// Whether the program that looks for some files' descriptors is loaded as well, which takes the kernel as long as any of
    /// the others. Without it, all descriptors are gone over.
    /// </param>
    /// <exception cref="TraceException">The kernel has no type information, or refuses the programs.</exception>
    public SocketProgram(bool findsOwners)
    {
        Platform.EnsureUsable();
        KernelTypes types = TracerDefinition.KernelTypes;
        string walk = types.HasLoop ? "walk_loop" : "walk_steps";
        findsOwners &= types.HasLoop;
        LibBpfLog.Begin();
        try
        {
            _object = new TracerObject(TracerDefinition.LoadObject("sockets", types.HasCast && Platform.Jit != false));
            _object.Choose(findsOwners ? new HashSet<string> { "files", "exiting", "owners", walk } : new HashSet<string> { "files", "exiting", walk });
            MemoryMarshal.AsRef<SocketConfig>(_object.InitialValue(".rodata.config")) = new SocketConfig
            {
                FreebindBit = (byte)(types.InetFlag("FREEBIND") ?? 0),
                TransparentBit = (byte)(types.InetFlag("TRANSPARENT") ?? 0),
                BindAddressNoPortBit = (byte)(types.InetFlag("BIND_ADDRESS_NO_PORT") ?? 0),
            };
            _object.Load(Refused);
            _walkProgram = LibBpf.bpf_program__fd(_object.Program(walk));
            _request = Share<SocketRequest>(".data.request", 1, writable: true);
            _walk = Share<SocketWalk>(".data.walk", 1, writable: true);
            _found = Share<SocketSample>(".bss", Found, writable: false);
            _files = Iterate("files");
            _exiting = Iterate("exiting");
            _owners = findsOwners ? Iterate("owners") : null;
        }
        catch
        {
            Dispose();
            throw;
        }
        finally
        {
            LibBpfLog.End();
        }
    }

    /// <summary>Chooses what the next runs give.</summary>
    /// <param name="ports">Only these; all if there are none.</param>
    /// <param name="connections">Also sockets that do not hold a port for themselves.</param>
    public void Select(IReadOnlyCollection<PortRange> ports, bool connections)
    {
        SocketRequest* request = (SocketRequest*)_request.Pointer;
        *request = default;
        request->ByPort = (byte)(ports.Count > 0 ? 1 : 0);
        request->Connections = (byte)(connections ? 1 : 0);
        foreach (PortRange range in ports)
        {
            for (int port = range.First; port <= range.Last; port++)
            {
                request->Ports[port >> 6] |= 1UL << (port & 63);
            }
        }
    }

    /// <summary>Adds a sample for each descriptor of a bound socket that a process has, of this PID namespace and those below.</summary>
    public void ReadFiles(SocketSamples samples)
    {
        ((Span<ulong>)((SocketRequest*)_request.Pointer)->Files).Fill(ulong.MaxValue);
        Read(_files, samples);
    }

    /// <summary>
    /// The same of some files, and maybe of a few others; faster if it finds owners, and from Linux 5.17 on. Before, the programs
    /// cannot loop long enough to look into tables of descriptors.
    /// </summary>
    /// <param name="files">As samples of <see cref="ReadTables"/> and <see cref="ReadPorts"/> have them.</param>
    public void ReadFilesOf(IEnumerable<ulong> files, SocketSamples samples)
    {
        SocketRequest* request = (SocketRequest*)_request.Pointer;
        request->Files = default;
        foreach (ulong file in files)
        {
            int bit = (int)(file * FileHash >> FileHashShift);
            request->Files[bit >> 6] |= 1UL << (bit & 63);
        }

        Read(_owners ?? _files, samples);
    }

    /// <summary>Adds a sample for each descriptor of a bound socket that one process has, whatever was selected.</summary>
    /// <param name="processId">An id of the initial PID namespace.</param>
    /// <returns>Whether that can be done: not before Linux 5.17, and only if it finds owners.</returns>
    public bool ReadFilesOf(uint processId, SocketSamples samples)
    {
        if (_owners is null)
        {
            return false;
        }

        Select([], true);
        SocketRequest* request = (SocketRequest*)_request.Pointer;
        request->ProcessId = processId;
        ((Span<ulong>)request->Files).Fill(ulong.MaxValue);
        Read(_owners, samples);
        return true;
    }

    /// <summary>Whether a process of this PID namespace may be closing its descriptors, which it no longer has, as it exits.</summary>
    public bool IsAnyExiting()
    {
        using FileDescriptor iterator = Open(_exiting);
        byte any;
        nint length;
        do
        {
            length = Libc.read(iterator, &any, sizeof(byte));
        }
        while (length < 0 && Marshal.GetLastPInvokeError() is Errno.EAGAIN or Errno.EINTR);

        Check(length < 0 ? -Marshal.GetLastPInvokeError() : 0);
        return length > 0;
    }

    private static FileDescriptor Open(BpfLink program)
    {
        FileDescriptor iterator = LibBpf.bpf_iter_create(LibBpf.bpf_link__fd(program));
        Check(iterator.IsInvalid ? -Marshal.GetLastPInvokeError() : 0);
        return iterator;
    }

    private static void Read(BpfLink program, SocketSamples samples)
    {
        using FileDescriptor iterator = Open(program);
        while (true)
        {
            nint length = Libc.read(iterator, samples.Reserve(ReadSize), ReadSize);
            if (length > 0)
            {
                samples.Advance((int)length);
            }
            else if (length == 0)
            {
                return;
            }
            // EAGAIN comes after a million descriptors without a sample (e679654a704e, "bpf: Fix a rcu_sched stall issue
            // with bpf task/task_file iterator").
            else if (Marshal.GetLastPInvokeError() is var errno && errno is not (Errno.EAGAIN or Errno.EINTR))
            {
                Check(-errno);
            }
        }
    }

    /// <summary>Adds a sample for each socket that the kernel's tables list as bound: TCP, MPTCP, UDP and UDP-Lite.</summary>
    /// <returns>Whether all of them could be read to their ends.</returns>
    public bool ReadTables(SocketSamples samples)
    {
        bool whole = true;
        foreach (SocketTable table in Enum.GetValues<SocketTable>())
        {
            whole &= Walk(table, 0, 0, samples, out _);
        }

        return whole;
    }

    /// <summary>
    /// The same of one table, for some of the ports that were selected: without looking at all others where they are of this
    /// thread's network namespace.
    /// </summary>
    /// <returns>Whether all of what had to be read could be.</returns>
    public bool ReadPorts(SocketTable table, IReadOnlyCollection<(uint NetworkNamespace, ushort Port)> ports, SocketSamples samples)
    {
        if (ports.Count > MostBuckets)
        {
            return Walk(table, 0, 0, samples, out _);
        }

        foreach ((uint networkNamespace, ushort port) in ports)
        {
            if (!Walk(table, networkNamespace, port, samples, out bool isAll))
            {
                return false;
            }

            if (isAll)
            {
                break;
            }
        }

        return true;
    }

    public void Dispose()
    {
        _owners?.Dispose();
        _exiting?.Dispose();
        _files?.Dispose();
        _found?.Dispose();
        _walk?.Dispose();
        _request?.Dispose();
        _object?.Dispose();
    }

    /// <param name="networkNamespace">Where the port is that is wanted alone; 0 for all.</param>
    /// <param name="isAll">Whether the walk was over the whole table all the same.</param>
    private bool Walk(SocketTable table, uint networkNamespace, ushort port, SocketSamples samples, out bool isAll)
    {
        isAll = true;
        (int type, int protocol) = table == SocketTable.Tcp ? (Libc.SOCK_STREAM, 0) : (Libc.SOCK_DGRAM, (int)table);

        // The program finds the table through a socket that is in none of its lists, as it is not bound.
        using FileDescriptor socket = Libc.socket(Libc.AF_INET, type | Libc.SOCK_CLOEXEC, protocol);
        if (socket.IsInvalid)
        {
            // Kernels without UDP-Lite have no such socket, and no table.
            return Marshal.GetLastPInvokeError() == Errno.EPROTONOSUPPORT;
        }

        SocketWalk* walk = (SocketWalk*)_walk.Pointer;
        *walk = new SocketWalk
        {
            Descriptor = (uint)socket.Value,
            Udp = (byte)(type == Libc.SOCK_DGRAM ? 1 : 0),
            NetworkNamespace = networkNamespace,
            Port = port,
        };
        while (Volatile.Read(ref walk->Done) == 0)
        {
            BpfTestRunOptions options = new() { Size = (nuint)sizeof(BpfTestRunOptions) };
            Check(LibBpf.bpf_prog_test_run_opts(_walkProgram, ref options));
            if (options.Result != 0)
            {
                return false;
            }

            samples.Add(new ReadOnlySpan<SocketSample>(_found.Pointer, (int)walk->Found));
            walk->Found = 0;
        }

        isAll = walk->OneBucket == 0;
        return walk->GivenUp == 0;
    }

    private BpfLink Iterate(string program)
    {
        BpfLink link = LibBpf.bpf_program__attach_iter(_object!.Program(program), 0);
        Check(link.IsInvalid ? -Marshal.GetLastPInvokeError() : 0);
        return link;
    }

    private MemoryMap Share<T>(string map, int count, bool writable)
        where T : unmanaged =>
        MemoryMap.Map(_object!.MapFd(map), (nuint)(count * sizeof(T)), writable, 0);

    private static void Check(int result) => BpfError.Check(RefusedId, Refused, result);
}

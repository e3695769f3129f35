using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Sockets;

/// <summary>
/// The BPF programs of bpf/sockets.bpf.c, loaded and ready to be run any number of times, one at a time.
/// Nothing is hooked; disposal leaves nothing in the kernel.
/// </summary>
internal sealed unsafe class SocketProgram : IDisposable
{
    /// <summary>How many records the walk has room for: FOUND of bpf/sockets.bpf.c.</summary>
    private const int Found = 4096;

    private const int UdpLite = 136;

    // A buffer of the kernel's own, of eight pages, is the most that one read of an iterator gives.
    private const int ReadSize = 8 * 4096;

    private const string RefusedId = "SocketProgramRefused";
    private const string Refused = "The kernel refused the BPF programs that list sockets";

    private readonly TracerObject? _object;
    private readonly BpfLink _files;
    private readonly MemoryMap _request;
    private readonly MemoryMap _walk;
    private readonly MemoryMap _found;
    private readonly int _walkProgram;

    /// <exception cref="TraceException">The kernel has no type information, or refuses the programs.</exception>
    public SocketProgram()
    {
        Platform.EnsureUsable();
        KernelTypes types = TracerDefinition.KernelTypes;
        string walk = types.HasLoop ? "walk_loop" : "walk_steps";
        LibBpfLog.Begin();
        try
        {
            _object = new TracerObject(TracerDefinition.LoadObject("sockets", types.HasCast && Platform.Jit != false));
            _object.Choose(new HashSet<string> { "files", walk });
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
            _found = Share<SocketRecord>(".bss", Found, writable: false);
            _files = LibBpf.bpf_program__attach_iter(_object.Program("files"), 0);
            Check(_files.IsInvalid ? -Marshal.GetLastPInvokeError() : 0);
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

    /// <summary>Adds a record for each descriptor of a bound socket that a process has, of this PID namespace and those below.</summary>
    public void ReadFiles(List<SocketRecord> records)
    {
        using FileDescriptor iterator = LibBpf.bpf_iter_create(LibBpf.bpf_link__fd(_files));
        Check(iterator.IsInvalid ? -Marshal.GetLastPInvokeError() : 0);
        byte[] buffer = new byte[ReadSize];
        int kept = 0;
        fixed (byte* pointer = buffer)
        {
            while (true)
            {
                nint length = Libc.read(iterator, pointer + kept, (nuint)(buffer.Length - kept));
                if (length < 0)
                {
                    // EAGAIN comes after a million descriptors without a record (e679654a704e, "bpf: Fix a rcu_sched
                    // stall issue with bpf task/task_file iterator").
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno is Errno.EAGAIN or Errno.EINTR)
                    {
                        continue;
                    }

                    Check(-errno);
                }

                kept += (int)length;
                int whole = kept - (kept % sizeof(SocketRecord));
                records.AddRange(MemoryMarshal.Cast<byte, SocketRecord>(buffer.AsSpan(0, whole)));
                buffer.AsSpan(whole, kept - whole).CopyTo(buffer);
                kept -= whole;
                if (length == 0)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Adds a record for each socket that the kernel's tables list as bound: TCP, MPTCP, UDP and UDP-Lite.</summary>
    /// <returns>Whether all of them could be read to their ends.</returns>
    public bool ReadTables(List<SocketRecord> records)
    {
        bool whole = Walk(Libc.SOCK_STREAM, 0, records);
        whole &= Walk(Libc.SOCK_DGRAM, 0, records);

        // Kernels without UDP-Lite have no such socket, and no table.
        return Walk(Libc.SOCK_DGRAM, UdpLite, records) && whole;
    }

    public void Dispose()
    {
        _files?.Dispose();
        _found?.Dispose();
        _walk?.Dispose();
        _request?.Dispose();
        _object?.Dispose();
    }

    private bool Walk(int type, int protocol, List<SocketRecord> records)
    {
        // The program finds the table through a socket that is in none of its lists, as it is not bound.
        using FileDescriptor socket = Libc.socket(Libc.AF_INET, type | Libc.SOCK_CLOEXEC, protocol);
        if (socket.IsInvalid)
        {
            return true;
        }

        SocketWalk* walk = (SocketWalk*)_walk.Pointer;
        *walk = new SocketWalk { Descriptor = (uint)socket.Value, Udp = (byte)(type == Libc.SOCK_DGRAM ? 1 : 0) };
        while (Volatile.Read(ref walk->Done) == 0)
        {
            BpfTestRunOptions options = new() { Size = (nuint)sizeof(BpfTestRunOptions) };
            Check(LibBpf.bpf_prog_test_run_opts(_walkProgram, ref options));
            if (options.Result != 0)
            {
                return false;
            }

            records.AddRange(new ReadOnlySpan<SocketRecord>(_found.Pointer, (int)walk->Found));
            walk->Found = 0;
        }

        return walk->GivenUp == 0;
    }

    private MemoryMap Share<T>(string map, int count, bool writable)
        where T : unmanaged =>
        MemoryMap.Map(_object!.MapFd(map), (nuint)(count * sizeof(T)), writable, 0);

    private static void Check(int result) => BpfError.Check(RefusedId, Refused, result);
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Reading;

namespace BindSnoop.Loading;

/// <summary>One BPF object, loaded for one back end and attached. Disposal leaves nothing in the kernel.</summary>
internal sealed unsafe class BpfSession : IDisposable
{
    private const int PerfTypeTracepoint = 2;
    private const nint PerfFlagCloseOnExec = 8;

    // MAY_WAIT of bpf/accounting.h.
    private const uint MayWait = 0x80000000;

    private readonly BpfObject _object;
    private readonly List<BpfLink> _links = [];
    private readonly List<FileDescriptor> _perfEvents = [];
    private readonly List<nint> _programs = [];
    private readonly TracerDefinition _definition;
    private readonly KernelTypes _types;
    private readonly MemoryMap? _counters;
    private readonly int _counterSets;
    private readonly object _lock = new();
    private bool _detached;

    // A handle that a reader holds is not closed when it is disposed of, so none can tell.
    private bool _disposed;

    private BpfSession(TracerDefinition definition, Backend backend, TraceOptions options, bool count)
    {
        Backend = backend;
        _definition = definition;
        EnsureHooksFire(backend);
        _types = KernelTypes.Current;

        // Only compiled programs can call functions of the kernel.
        byte[] image = definition.LoadObject(_types.HasCast && Platform.Jit != false);
        LibBpfLog.Begin();
        try
        {
            if (backend == Backend.Fentry)
            {
                EnsureTrampolines(definition);
            }

            fixed (byte* pointer = image)
            {
                _object = LibBpf.bpf_object__open_mem(pointer, (nuint)image.Length, 0);
            }

            if (_object.IsInvalid)
            {
                throw Failed("BpfOpenFailed", "Opening the BPF object failed", -Marshal.GetLastPInvokeError());
            }

            Configure(definition, options, count);
            _counterSets = InitialValue(".data.counters").Length / sizeof(Counters);
            Check("BpfLoadFailed", LoadRefused, LibBpf.bpf_object__load(_object));
            FilterMaps.Fill(this, options.Filter);
            _counters = MemoryMap.Map(MapFd(".data.counters"), (nuint)(_counterSets * sizeof(Counters)), writable: false, 0);
            if (!count)
            {
                Buffer = new RingBuffer(MapFd("events"), options.BufferSize, MapFd(".data.reader"));
            }

            Attach(definition);
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

    public Backend Backend { get; }

    private string LoadRefused => $"The kernel refused the BPF programs of the {Backend} back end";

    /// <summary>Null when counting.</summary>
    public RingBuffer? Buffer { get; }

    /// <summary>Loads and attaches with the back end asked for, or the best that works.</summary>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static BpfSession Open(
        TracerDefinition definition, TraceOptions options, bool count, out IReadOnlyList<BackendRefusal> refusals)
    {
        Platform.EnsureUsable();
        List<BackendRefusal> refused = [];
        refusals = refused;
        bool preempts = options.Backend == Backend.Auto && Platform.Preempts;
        Backend[] candidates = options.Backend != Backend.Auto ? [options.Backend]
            : preempts ? [Backend.Kprobe, Backend.Fentry, Backend.Tracepoint]
            : [Backend.Fentry, Backend.Kprobe, Backend.Tracepoint];
        foreach (Backend backend in candidates)
        {
            try
            {
                BpfSession session = new(definition, backend, options, count);
                if (preempts && backend == Backend.Kprobe)
                {
                    refused.Add(new(Backend.Fentry, new TraceException(
                        "ProgramsPreempted",
                        TraceErrorKind.NotImplemented,
                        "This kernel preempts: while it has interrupted a program, it leaves out that of other threads on the same processor.",
                        "Ask for it by name where its lower cost counts for more than every event under heavy load.")));
                }

                return session;
            }
            catch (TraceException exception) when (exception.ErrorId is "BpfLoadFailed" or "BpfAttachFailed" or "FunctionNotFound"
                or "KprobesUnavailable" or "FtraceDisabled" or "TraceFsUnavailable" or "TracepointNotFound"
                // Another would lack the same memory or descriptors.
                && exception.Kind != TraceErrorKind.ResourceUnavailable && options.Backend == Backend.Auto)
            {
                refused.Add(new(backend, exception));
            }
        }

        throw new TraceException(
            "NoBackend",
            TraceErrorKind.NotImplemented,
            "No back end works on this machine. " + string.Join(" ", refused.Select(r => $"{r.Backend}: {r.Error.Message}")),
            Platform.IsLockedDown ? Platform.LockdownAdvice : "Get-BindTraceSupport tells what is missing and what to do about it.",
            inner: refused[^1].Error);
    }

    /// <summary>The map's descriptor, valid as long as the session.</summary>
    public int MapFd(string name) => LibBpf.bpf_map__fd(Map(name));

    public nint Map(string name)
    {
        nint map = LibBpf.bpf_object__find_map_by_name(_object, name);
        return map != 0 ? map : throw new InvalidOperationException($"The BPF object has no map {name}.");
    }

    /// <summary>The calls that have been entered and not left: under way, or their returns have been missed.</summary>
    public IReadOnlyList<CallKey> CallsUnderWay()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            List<CallKey> keys = [];
            int map = MapFd("calls");
            CallKey key = default;
            CallKey* previous = null;
            Call call;
            while (LibBpf.bpf_map_get_next_key(map, previous, &key) == 0)
            {
                if (LibBpf.bpf_map_lookup_elem(map, &key, &call) == 0 && call.UnderWay != 0)
                {
                    keys.Add(key);
                }

                previous = &key;
            }

            return keys;
        }
    }

    /// <summary>Keeps the session from being disposed of while a map is read.</summary>
    public MapReader OpenMap(string name)
    {
        Monitor.Enter(_lock);
        if (_disposed)
        {
            Monitor.Exit(_lock);
            throw new ObjectDisposedException(nameof(BpfSession));
        }

        return new MapReader(_lock, MapFd(name));
    }

    /// <summary>Sums the counters, and what the kernel itself counts as not run.</summary>
    public TraceStatistics ReadStatistics()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            long dropped = 0;
            long missed = _programs.Sum(ProgramMisses);
            long emitted = Buffer?.Produced / RingBuffer.RoomFor(_definition.RecordSize) ?? 0;
            long filtered = 0;
            long unreturned = 0;
            Counters* counters = (Counters*)_counters!.Pointer;
            for (int i = 0; i < _counterSets; i++)
            {
                emitted += Volatile.Read(ref counters[i].Counted);
                filtered += Volatile.Read(ref counters[i].Filtered);
                dropped += Volatile.Read(ref counters[i].Dropped);
                missed += Volatile.Read(ref counters[i].Missed);
                unreturned += Volatile.Read(ref counters[i].Entered) - Volatile.Read(ref counters[i].Left);
            }

            if (_detached)
            {
                missed += unreturned - CallsUnderWay().Count(c => (c.Function & MayWait) != 0);
            }

            return new TraceStatistics(emitted, dropped + missed, filtered) { Missed = missed };
        }
    }

    /// <summary>Keeps the buffer in place for its reader: disposal meanwhile detaches, and frees it only afterwards.</summary>
    public HandleHold HoldBuffer() => new([_object, .. Buffer!.Handles]);

    /// <summary>Detaches everything; what is in the buffer and the maps can still be read.</summary>
    public void Detach()
    {
        lock (_lock)
        {
            // Entries before returns, the reverse of how they were attached.
            for (int i = _links.Count - 1; i >= 0; i--)
            {
                _links[i].Dispose();
            }

            // The link closes the perf event's descriptor along with itself.
            _links.Clear();
            foreach (FileDescriptor perfEvent in _perfEvents)
            {
                perfEvent.Dispose();
            }

            _perfEvents.Clear();
            _detached = true;
        }
    }

    public void Dispose()
    {
        Detach();
        lock (_lock)
        {
            _disposed = true;
            Buffer?.Dispose();
            _counters?.Dispose();
            _object?.Dispose();
        }
    }

    internal static void Check(string errorId, string what, int result)
    {
        if (result < 0)
        {
            throw Failed(errorId, what, result);
        }
    }

    /// <summary>Refuses a back end whose hooks could be attached but would never be called, or not attached at all.</summary>
    private static void EnsureHooksFire(Backend backend)
    {
        if (backend == Backend.Tracepoint)
        {
            return;
        }

        // Trampolines and kprobes at a function's entry both go through ftrace, and attaching says nothing of this.
        if (Platform.ReadFile("/proc/sys/kernel/ftrace_enabled").Trim() == "0")
        {
            throw new TraceException(
                "FtraceDisabled",
                TraceErrorKind.NotImplemented,
                "Function tracing is switched off on this machine (kernel.ftrace_enabled is 0).",
                "Switch it on: 'sysctl kernel.ftrace_enabled=1'; or use the Tracepoint back end.");
        }

        if (backend == Backend.Kprobe && !Directory.Exists("/sys/bus/event_source/devices/kprobe"))
        {
            throw new TraceException(
                "KprobesUnavailable",
                TraceErrorKind.NotImplemented,
                "This kernel has no kprobes.",
                "Run a kernel built with CONFIG_KPROBE_EVENTS=y, and see that /sys is mounted; or use another back end.");
        }
    }

    private static TraceException Failed(string errorId, string what, int result)
    {
        string log = LibBpfLog.End();
        LibBpfLog.Begin();
        TraceException error = TraceException.FromErrno(errorId, what, -result, Platform.AdviceFor(-result));
        return new TraceException(
            errorId, error.Kind, error.Message, error.RecommendedAction, inner: log.Length > 0 ? new InvalidOperationException(log) : null);
    }

    private static long ProgramMisses(nint program)
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

    /// <summary>
    /// Asks the kernel with a program that does nothing: for the real ones libbpf reads all of the kernel's type
    /// information first, most of the time it takes to learn that they are refused.
    /// </summary>
    private void EnsureTrampolines(TracerDefinition definition)
    {
        // linux/bpf.h: BPF_PROG_TYPE_TRACING and BPF_TRACE_FEXIT.
        const uint Tracing = 26;
        const uint FunctionExit = 25;
        const ulong ReturnValueZero = 0xb7;
        const ulong Exit = 0x95;
        if (definition.Functions.FirstOrDefault(f => _types.HasFunction(f.Name)) is not { } function)
        {
            return;
        }

        ulong* instructions = stackalloc ulong[] { ReturnValueZero, Exit };
        BpfProgramLoadOptions options = new()
        {
            Size = (nuint)sizeof(BpfProgramLoadOptions),
            ExpectedAttachType = FunctionExit,
            AttachBtfId = _types.FunctionId(function.Name),
        };
        int program = LibBpf.bpf_prog_load(Tracing, "trampoline", "GPL", instructions, 2, options);
        Check("BpfLoadFailed", LoadRefused, program);
        new FileDescriptor(program).Dispose();
    }

    private void Configure(TracerDefinition definition, TraceOptions options, bool count)
    {
        HashSet<string> wanted = [.. ProgramsFor(definition, options.Filter)];
        for (nint program = 0; (program = LibBpf.bpf_object__next_program(_object, program)) != 0;)
        {
            bool load = wanted.Contains(ProgramName(program));
            Check("BpfOpenFailed", "Choosing the BPF programs failed", LibBpf.bpf_program__set_autoload(program, load));
            if (load)
            {
                _programs.Add(program);
            }
        }

        if (!_programs.Exists(p => IsEntry(ProgramName(p))))
        {
            // Nothing to remember from an entry to a return.
            Resize("calls", 1);
        }

        Resize("events", count ? Environment.SystemPageSize : options.BufferSize);
        if (count)
        {
            Resize("counts", options.CountCapacity);
        }

        FilterMaps.Configure(this, options.Filter, _types, count);
    }

    internal void Resize(string map, int entries) =>
        Check("BpfOpenFailed", $"Sizing the BPF map {map} failed", LibBpf.bpf_map__set_max_entries(Map(map), (uint)entries));

    internal Span<byte> InitialValue(string map)
    {
        void* value = LibBpf.bpf_map__initial_value(Map(map), out nuint size);
        return new Span<byte>(value, (int)size);
    }

    private IEnumerable<string> ProgramsFor(TracerDefinition definition, TraceFilter filter)
    {
        if (Backend == Backend.Tracepoint)
        {
            return definition.SystemCalls.SelectMany(
                c => definition.ReturnKnowsArguments && _types.HasTaskRegisters ? [$"sys_exit_{c}"] : new[] { $"sys_enter_{c}", $"sys_exit_{c}" });
        }

        List<string> programs = [];
        foreach (HookedFunction function in definition.Functions.Where(f => filter.IncludeError || !f.ErrorsOnly))
        {
            if (!_types.HasFunction(function.Name))
            {
                if (function.Required)
                {
                    throw new TraceException(
                        "FunctionNotFound",
                        TraceErrorKind.NotImplemented,
                        $"This kernel has no function {function.Name} to hook.",
                        "Use another back end, or a kernel with IPv4 networking.");
                }
            }
            else if (Backend == Backend.Fentry)
            {
                programs.AddRange([$"fentry_{function.Name}", $"fexit_{function.Name}"]);
            }
            else
            {
                programs.AddRange([$"kprobe_{function.Name}", $"kretprobe_{function.Name}"]);
            }
        }

        return programs;
    }

    private void Attach(TracerDefinition definition)
    {
        // Returns first, entries last, and off again the other way round: a call that only its entry was seen
        // of would count as lost.
        foreach ((nint program, string name) in _programs.Select(p => (p, ProgramName(p))).OrderBy(p => IsEntry(p.Item2)))
        {
            BpfLink link;
            if (Backend == Backend.Fentry)
            {
                link = LibBpf.bpf_program__attach_trace(program);
            }
            else if (Backend == Backend.Kprobe)
            {
                bool onReturn = name.StartsWith("kretprobe_", StringComparison.Ordinal);
                link = LibBpf.bpf_program__attach_kprobe(program, onReturn, name[(name.IndexOf('_', StringComparison.Ordinal) + 1)..]);
            }
            else
            {
                link = AttachTracepoint(program, name);
            }

            if (link.IsInvalid)
            {
                int errno = Marshal.GetLastPInvokeError();
                link.Dispose();
                throw Failed("BpfAttachFailed", $"Attaching {name} failed", -errno);
            }

            _links.Add(link);
        }
    }

    private static bool IsEntry(string program) =>
        program.StartsWith("fentry_", StringComparison.Ordinal) || program.StartsWith("kprobe_", StringComparison.Ordinal) ||
        program.StartsWith("sys_enter_", StringComparison.Ordinal);

    private BpfLink AttachTracepoint(nint program, string name)
    {
        // struct perf_event_attr of its first size (perf_event_open(2)): type, size, config, sample period.
        const int Size = 64;
        byte* attributes = stackalloc byte[Size];
        new Span<byte>(attributes, Size).Clear();
        *(uint*)attributes = PerfTypeTracepoint;
        *(uint*)(attributes + 4) = Size;
        *(ulong*)(attributes + 8) = (ulong)TraceFs.TracepointId(name);
        *(ulong*)(attributes + 16) = 1;
        FileDescriptor perfEvent = new((int)Libc.syscall5(PerfEventOpenNumber, (nint)attributes, -1, 0, -1, PerfFlagCloseOnExec));
        if (perfEvent.IsInvalid)
        {
            throw Failed("BpfAttachFailed", $"Opening the tracepoint {name} failed", -Marshal.GetLastPInvokeError());
        }

        BpfLink link = LibBpf.bpf_program__attach_perf_event(program, perfEvent.Value);
        int errno = Marshal.GetLastPInvokeError();
        if (link.IsInvalid)
        {
            perfEvent.Dispose();
        }
        else
        {
            perfEvent.SetHandleAsInvalid();
        }

        Marshal.SetLastPInvokeError(errno);
        return link;
    }

    private static long PerfEventOpenNumber => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 241 : 298;

    private static string ProgramName(nint program) =>
        Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(LibBpf.bpf_program__name(program)));

    /// <summary>A map that stays while this is not disposed of.</summary>
    internal readonly struct MapReader(object held, int fd) : IDisposable
    {
        public int Fd => fd;

        public void Dispose() => Monitor.Exit(held);
    }

    /// <summary><c>struct call_key</c> of bpf/accounting.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct CallKey
    {
        public uint ThreadId;
        public uint Function;
    }

    /// <summary><c>struct call</c> of bpf/accounting.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Call
    {
        public Arguments Arguments;
        public ulong UnderWay;
    }

    [InlineArray(3)]
    private struct Arguments
    {
        private ulong _first;
    }

    /// <summary><c>struct counters</c> of bpf/accounting.h.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Counters
    {
        public long Counted;
        public long Dropped;
        public long Filtered;
        public long Missed;
        public long Entered;
        public long Left;
    }
}

using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>What attaches the programs of a <see cref="TracerObject"/>, by what their names begin with.</summary>
internal sealed unsafe class Hooks
{
    private const int PerfTypeTracepoint = 2;
    private const nint PerfFlagCloseOnExec = 8;

    private readonly List<BpfLink> _links = [];
    private readonly HashSet<string> _attached = [];

    /// <summary>Whether a program runs where a call begins, which another, at its end, depends on.</summary>
    public static bool IsEntry(string program) =>
        program.StartsWith("fentry_", StringComparison.Ordinal) || program.StartsWith("kprobe_", StringComparison.Ordinal) ||
        program.StartsWith("sys_enter_", StringComparison.Ordinal);

    /// <summary>Attaches what is not attached yet.</summary>
    /// <param name="loaded">What has the programs.</param>
    /// <param name="only">Only these of them; null: all.</param>
    /// <exception cref="TraceException"><c>BpfAttachFailed</c>, or what tracefs lacks.</exception>
    public void Attach(TracerObject loaded, IReadOnlyList<string>? only = null)
    {
        // Returns first, entries last, and off again the other way round: a call that only its entry was seen
        // of would count as lost.
        foreach ((nint program, string name) in loaded.Programs.Select(p => (p, TracerObject.NameOf(p))).OrderBy(p => IsEntry(p.Item2)))
        {
            if (only?.Contains(name) == false || !_attached.Add(name))
            {
                continue;
            }

            BpfLink link = Attach(program, name);
            if (link.IsInvalid)
            {
                int errno = Marshal.GetLastPInvokeError();
                link.Dispose();
                throw BpfError.From("BpfAttachFailed", $"Attaching {name} failed", -errno, refusesBackend: true);
            }

            _links.Add(link);
        }
    }

    public void Detach()
    {
        for (int i = _links.Count - 1; i >= 0; i--)
        {
            _links[i].Dispose();
        }

        _links.Clear();
    }

    private static BpfLink Attach(nint program, string name)
    {
        int separator = name.IndexOf('_', StringComparison.Ordinal);
        string function = name[(separator + 1)..];
        return name[..separator] switch
        {
            "fentry" or "fexit" => LibBpf.bpf_program__attach_trace(program),
            "kprobe" => LibBpf.bpf_program__attach_kprobe(program, false, function),
            "kretprobe" => LibBpf.bpf_program__attach_kprobe(program, true, function),
            "sys" => AttachTracepoint(program, name),
            "raw" => LibBpf.bpf_program__attach_raw_tracepoint(program, function),
            _ => throw new InvalidOperationException($"Nothing is known of what {name} hooks."),
        };
    }

    private static BpfLink AttachTracepoint(nint program, string name)
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
            throw BpfError.From("BpfAttachFailed", $"Opening the tracepoint {name} failed", -Marshal.GetLastPInvokeError(), refusesBackend: true);
        }

        BpfLink link = LibBpf.bpf_program__attach_perf_event(program, perfEvent.Value);
        int errno = Marshal.GetLastPInvokeError();
        if (link.IsInvalid)
        {
            perfEvent.Dispose();
        }
        else
        {
            // The link closes it along with itself.
            perfEvent.SetHandleAsInvalid();
        }

        Marshal.SetLastPInvokeError(errno);
        return link;
    }

    private static long PerfEventOpenNumber => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 241 : 298;
}

using System.Runtime.InteropServices;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>What attaches the programs of a <see cref="TracerObject"/>, by what their names begin with.</summary>
internal sealed unsafe class Hooks
{
    private const string CgroupPrefix = "cgroup_";
    private const int PerfTypeTracepoint = 2;
    private const nint PerfFlagCloseOnExec = 8;

    // Of threads that do no more than make a system call.
    private const int StackSize = 128 * 1024;

    private readonly List<(BpfLink Link, bool IsOfCgroup)> _links = [];
    private readonly HashSet<string> _attached = [];
    private FileDescriptor? _cgroupRoot;

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
        try
        {
            foreach ((nint program, string name) in loaded.Programs.Select(p => (p, TracerObject.NameOf(p))).OrderBy(p => OrderOf(p.Item2)))
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
                    throw name.StartsWith(CgroupPrefix, StringComparison.Ordinal) && errno == Errno.EPERM
                        ? CgroupTaken()
                        : BpfError.From("BpfAttachFailed", $"Attaching {name} failed", -errno, refusesBackend: true);
                }

                _links.Add((link, name.StartsWith(CgroupPrefix, StringComparison.Ordinal)));
            }
        }
        finally
        {
            _cgroupRoot?.Dispose();
        }
    }

    /// <summary>
    /// Detaches all: first the cgroup's programs, last to first, then all others at once, since for each the kernel waits until no
    /// processor runs it any more. An entry may then be detached after its return, and a call of which only the entry was seen
    /// would count as lost: set <see cref="Abi.ReaderState.Leaving"/> first.
    /// </summary>
    public void Detach()
    {
        for (; _links.Count > 0 && _links[^1].IsOfCgroup; _links.RemoveAt(_links.Count - 1))
        {
            _links[^1].Link.Dispose();
        }

        List<Thread> others = [];
        foreach ((BpfLink link, _) in _links.Skip(1))
        {
            others.Add(new Thread(link.Dispose, StackSize) { IsBackground = true, Name = "detaching" });
            others[^1].Start();
        }

        if (_links.Count > 0)
        {
            _links[0].Link.Dispose();
        }

        others.ForEach(t => t.Join());
        _links.Clear();
    }

    /// <summary>
    /// Returns before entries: a call that only its entry was seen of would count as lost. Last the cgroup's programs, and of
    /// those the ones that look at what the others have noted down.
    /// </summary>
    private static int OrderOf(string program) =>
        program.StartsWith(CgroupPrefix + "post_", StringComparison.Ordinal) ? 3
        : program.StartsWith(CgroupPrefix, StringComparison.Ordinal) ? 2
        : IsEntry(program) ? 1
        : 0;

    // What is attached without BPF_F_ALLOW_MULTI lets nobody else attach to the same cgroup.
    private static TraceException CgroupTaken() => new(
        "CgroupTaken",
        TraceErrorKind.ResourceExists,
        Capabilities.MayAttachToCgroups
            ? "Another program is attached exclusively to the root of the cgroup hierarchy."
            : "Attaching to a cgroup requires CAP_NET_ADMIN, which this process does not have.",
        Capabilities.MayAttachToCgroups
            ? "'bpftool cgroup show /sys/fs/cgroup' shows it: have its owner attach it with 'multi', or use another back end."
            : "Run as root, grant that capability, or use another back end.")
    {
        RefusesBackend = true,
    };

    private BpfLink Attach(nint program, string name)
    {
        int separator = name.IndexOf('_', StringComparison.Ordinal);
        string function = name[(separator + 1)..].Replace(CgroupDefinition.NoPortSuffix, "", StringComparison.Ordinal);
        return name[..separator] switch
        {
            "fentry" or "fexit" => LibBpf.bpf_program__attach_trace(program),
            "kprobe" => LibBpf.bpf_program__attach_kprobe(program, false, function),
            "kretprobe" => LibBpf.bpf_program__attach_kprobe(program, true, function),
            "sys" => AttachTracepoint(program, name),
            "raw" => LibBpf.bpf_program__attach_raw_tracepoint(program, function),
            "cgroup" => LibBpf.bpf_program__attach_cgroup(program, (_cgroupRoot ??= CgroupRoot.Open()).Value),
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

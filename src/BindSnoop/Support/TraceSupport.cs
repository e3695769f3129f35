using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Proving;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>What one back end can do on this machine.</summary>
/// <param name="Backend">Which one.</param>
/// <param name="Usable">Whether it was loaded and attached for binds, for a moment, with success.</param>
/// <param name="Proven">
/// Whether calls of bind() that were made for this were reported as they were: true or false; null if none could be made,
/// or compared. One that is attached and reports something else is not usable.
/// </param>
/// <param name="Reason">Why it cannot be used, or what could not be proven; empty if there is nothing to say.</param>
/// <param name="Remedy">What to do about it; empty if there is nothing to do.</param>
/// <param name="Blind">Which calls it does not see, even where it is usable.</param>
public sealed record BackendSupport(Backend Backend, bool Usable, bool? Proven, string Reason, string Remedy, string Blind)
{
    /// <summary>The same of each kind of call that it can trace; empty if it is not usable.</summary>
    public IReadOnlyList<BackendProof> Proofs { get; init; } = [];

    internal static Description<BackendSupport> Description { get; } = new(
    [
        Field<BackendSupport>.Text(nameof(Backend), b => b.Backend.ToString()),
        Field<BackendSupport>.Flag(nameof(Usable), b => b.Usable),
        Field<BackendSupport>.Flag(nameof(Proven), b => b.Proven),
        Field<BackendSupport>.Text(nameof(Reason), b => b.Reason),
        Field<BackendSupport>.Text(nameof(Remedy), b => b.Remedy),
        Field<BackendSupport>.Text(nameof(Blind), b => b.Blind),
        Field<BackendSupport>.Items(nameof(Proofs), b => b.Proofs, () => BackendProof.Description),
    ], []);

    /// <inheritdoc/>
    public override string ToString() => Usable ? $"{Backend}: usable" : $"{Backend}: {Reason}";
}

/// <summary>Whether a back end was seen to work for one kind of call.</summary>
/// <param name="Call">bind, listen, accept or release.</param>
/// <param name="Proven">True: all calls made for this were reported as they were. False: some were not. Null: none could be made, or it cannot be used.</param>
/// <param name="Calls">How many were compared.</param>
/// <param name="Fields">What of them was compared, by the names that events have.</param>
/// <param name="Reason">Why it is not proven, or what of it; empty if there is nothing to say.</param>
public sealed record BackendProof(string Call, bool? Proven, int Calls, IReadOnlyList<string> Fields, string Reason)
{
    internal static Description<BackendProof> Description { get; } = new(
    [
        Field<BackendProof>.Text(nameof(Call), p => p.Call),
        Field<BackendProof>.Flag(nameof(Proven), p => p.Proven),
        Field<BackendProof>.Number(nameof(Calls), p => p.Calls),
        Field<BackendProof>.Texts(nameof(Fields), p => p.Fields),
        Field<BackendProof>.Text(nameof(Reason), p => p.Reason),
    ], []);

    /// <inheritdoc/>
    public override string ToString() => $"{Call}: {(Proven is { } proven ? proven ? "proven" : "does not work" : "not proven")}";
}

/// <summary>What this machine and this process can trace. Finding out takes no privileges and never throws.</summary>
public sealed class TraceSupport
{
    internal TraceSupport()
    {
    }

    /// <summary>The kernel's release, as uname -r.</summary>
    public string Kernel { get; internal init; } = "";

    /// <summary>The processor architecture.</summary>
    public string Architecture { get; internal init; } = "";

    /// <summary>Whether the kernel describes its types, which all back ends need.</summary>
    public bool Btf { get; internal init; }

    /// <summary>libbpf's version; empty if it is not installed.</summary>
    public string LibBpfVersion { get; internal init; } = "";

    /// <summary>The file that libbpf was loaded from; empty if it is not installed, or part of the program.</summary>
    public string LibBpfPath { get; internal init; } = "";

    /// <summary>The kernel's compiler for BPF: Enabled, Disabled, or Unknown where it does not say.</summary>
    public string Jit { get; internal init; } = "";

    /// <summary>Those of CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_DAC_READ_SEARCH that are in effect.</summary>
    public IReadOnlyList<string> Capabilities { get; internal init; } = [];

    /// <summary>The lockdown mode: none, integrity, confidentiality; empty if there is none.</summary>
    public string Lockdown { get; internal init; } = "";

    /// <summary>The limit of locked memory in bytes, or "unlimited"; kernels before 5.11 charge BPF memory to it.</summary>
    public string MemoryLockLimit { get; internal init; } = "";

    /// <summary>Where cgroup v2 is mounted; empty if it is not.</summary>
    public string CgroupMountPoint { get; internal init; } = "";

    /// <summary>Whether any back end is usable.</summary>
    public bool Usable => Backends.Any(b => b.Usable);

    /// <summary>Each back end.</summary>
    public IReadOnlyList<BackendSupport> Backends { get; internal init; } = [];

    internal static Description<TraceSupport> Description { get; } = new(
    [
        Field<TraceSupport>.Text(nameof(Kernel), s => s.Kernel),
        Field<TraceSupport>.Text(nameof(Architecture), s => s.Architecture),
        Field<TraceSupport>.Flag(nameof(Btf), s => s.Btf),
        Field<TraceSupport>.Text(nameof(LibBpfVersion), s => s.LibBpfVersion),
        Field<TraceSupport>.Text(nameof(LibBpfPath), s => s.LibBpfPath),
        Field<TraceSupport>.Text(nameof(Jit), s => s.Jit),
        Field<TraceSupport>.Texts(nameof(Capabilities), s => s.Capabilities),
        Field<TraceSupport>.Text(nameof(Lockdown), s => s.Lockdown),
        Field<TraceSupport>.Text(nameof(MemoryLockLimit), s => s.MemoryLockLimit),
        Field<TraceSupport>.Text(nameof(CgroupMountPoint), s => s.CgroupMountPoint),
        Field<TraceSupport>.Flag(nameof(Usable), s => s.Usable),
        Field<TraceSupport>.Items(nameof(Backends), s => s.Backends, () => BackendSupport.Description),
    ], []);

    /// <summary>Finds out, by trying.</summary>
    public static TraceSupport Probe()
    {
        (string version, string path) = FindLibBpf();
        return new()
        {
            Kernel = SystemFile.ReadText("/proc/sys/kernel/osrelease").Trim(),
            Architecture = RuntimeInformation.ProcessArchitecture.ToString(),
            Btf = File.Exists("/sys/kernel/btf/vmlinux"),
            LibBpfVersion = version,
            LibBpfPath = path,
            Jit = Platform.Jit switch
            {
                true => "Enabled",
                false => "Disabled",
                null => "Unknown",
            },
            Capabilities = Host.Capabilities.Names(),
            Lockdown = Platform.Lockdown,
            MemoryLockLimit = Platform.MemoryLockLimit(),
            CgroupMountPoint = Cgroups.MountPoint ?? "",
            Backends = new[] { Backend.Fentry, Backend.Kprobe, Backend.Cgroup, Backend.Tracepoint }.Select(ProbeBackend).ToArray(),
        };
    }

    private static BackendSupport ProbeBackend(Backend backend)
    {
        string blind = BlindSpots.Of(backend);
        try
        {
            using EventSession session = Open(TracerDefinition.Bind, backend);
            return new(backend, true, session.Proof.Proven, session.Proof.Reason, "", backend == Backend.Cgroup ? $"{session.Blind} {BlindSpots.OfReleasesByCgroup}" : blind)
            {
                Proofs = [ProofOf(session), .. ProveOthers(backend)],
            };
        }
        catch (TraceException exception)
        {
            return new(backend, false, ProvenBy(exception), exception.Message, exception.RecommendedAction, blind);
        }
    }

    /// <summary>Tries the other kinds of calls at once, since it is the kernel that takes its time with each.</summary>
    private static BackendProof[] ProveOthers(Backend backend)
    {
        TracerDefinition[] others = [.. TracerDefinition.All.Where(d => d != TracerDefinition.Bind && (backend != Backend.Cgroup || d.Cgroup is not null))];
        BackendProof[] proofs = new BackendProof[others.Length];
        Thread[] threads = [.. others.Select((definition, index) => new Thread(() => proofs[index] = Prove(definition, backend)))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        return proofs;
    }

    private static BackendProof Prove(TracerDefinition definition, Backend backend)
    {
        try
        {
            using EventSession session = Open(definition, backend);
            return ProofOf(session);
        }
        catch (TraceException exception)
        {
            return new(definition.ObjectName, ProvenBy(exception), 0, [], exception.Message);
        }
    }

    private static EventSession Open(TracerDefinition definition, Backend backend)
    {
        TraceOptions options = new() { Backend = backend, BufferSize = Environment.SystemPageSize };
        return EventSession.Open(definition, options, Prover.For(definition, options.Filter, isCounting: false), out _);
    }

    private static BackendProof ProofOf(EventSession session) => new(
        session.Definition.ObjectName, session.Proof.Proven, session.Proof.Calls, [.. session.Proof.Compared.Select(c => c.Field).Distinct()], session.Proof.Reason);

    private static bool? ProvenBy(TraceException exception) => exception.ErrorId == TraceSession.NotProven ? false : null;

    private static unsafe (string Version, string Path) FindLibBpf()
    {
        try
        {
            LibBpf.EnsureLoaded();
            return (Marshal.PtrToStringUTF8((nint)LibBpf.libbpf_version_string())?.TrimStart('v') ?? "", LibBpf.LoadedFrom());
        }
        catch (TraceException)
        {
            return ("", "");
        }
    }
}

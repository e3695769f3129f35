using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>What one back end can do on this machine.</summary>
/// <param name="Backend">Which one.</param>
/// <param name="Usable">Whether it was loaded and attached, for a moment, with success.</param>
/// <param name="Reason">Why it cannot be used; empty if it can.</param>
/// <param name="Remedy">What to do about it; empty if there is nothing to do.</param>
/// <param name="Blind">Which calls it does not see, even where it is usable.</param>
public sealed record BackendSupport(Backend Backend, bool Usable, string Reason, string Remedy, string Blind)
{
    internal static Description<BackendSupport> Description { get; } = new(
    [
        Field<BackendSupport>.Text(nameof(Backend), b => b.Backend.ToString()),
        Field<BackendSupport>.Flag(nameof(Usable), b => b.Usable),
        Field<BackendSupport>.Text(nameof(Reason), b => b.Reason),
        Field<BackendSupport>.Text(nameof(Remedy), b => b.Remedy),
        Field<BackendSupport>.Text(nameof(Blind), b => b.Blind),
    ], []);

    /// <inheritdoc/>
    public override string ToString() => Usable ? $"{Backend}: usable" : $"{Backend}: {Reason}";
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

    /// <summary>libbpf's version; empty where it is not installed.</summary>
    public string LibBpfVersion { get; internal init; } = "";

    /// <summary>The kernel's compiler for BPF: Enabled, Disabled, or Unknown where it does not tell.</summary>
    public string Jit { get; internal init; } = "";

    /// <summary>Those of CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_DAC_READ_SEARCH that are in effect.</summary>
    public IReadOnlyList<string> Capabilities { get; internal init; } = [];

    /// <summary>The lockdown mode: none, integrity, confidentiality; empty where there is none.</summary>
    public string Lockdown { get; internal init; } = "";

    /// <summary>The limit of locked memory in bytes, or "unlimited"; kernels before 5.11 charge BPF memory to it.</summary>
    public string MemoryLockLimit { get; internal init; } = "";

    /// <summary>Where cgroup v2 is mounted; empty where it is not.</summary>
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
        Field<TraceSupport>.Text(nameof(Jit), s => s.Jit),
        Field<TraceSupport>.Texts(nameof(Capabilities), s => s.Capabilities),
        Field<TraceSupport>.Text(nameof(Lockdown), s => s.Lockdown),
        Field<TraceSupport>.Text(nameof(MemoryLockLimit), s => s.MemoryLockLimit),
        Field<TraceSupport>.Text(nameof(CgroupMountPoint), s => s.CgroupMountPoint),
        Field<TraceSupport>.Flag(nameof(Usable), s => s.Usable),
        Field<TraceSupport>.Items(nameof(Backends), s => s.Backends, () => BackendSupport.Description),
    ], []);

    /// <summary>Finds out, by trying.</summary>
    public static TraceSupport Probe() => new()
    {
        Kernel = Platform.ReadFile("/proc/sys/kernel/osrelease").Trim(),
        Architecture = RuntimeInformation.ProcessArchitecture.ToString(),
        Btf = File.Exists("/sys/kernel/btf/vmlinux"),
        LibBpfVersion = ReadLibBpfVersion(),
        Jit = Platform.Jit switch
        {
            true => "Enabled",
            false => "Disabled",
            null => "Unknown",
        },
        Capabilities = Platform.CapabilityNames(),
        Lockdown = Platform.Lockdown,
        MemoryLockLimit = Platform.MemoryLockLimit(),
        CgroupMountPoint = Cgroups.MountPoint ?? "",
        Backends = new[] { Backend.Fentry, Backend.Kprobe, Backend.Cgroup, Backend.Tracepoint }.Select(ProbeBackend).ToArray(),
    };

    private static BackendSupport ProbeBackend(Backend backend)
    {
        string blind = BlindSpots.Of(backend);
        try
        {
            TraceOptions options = new() { Backend = backend, BufferSize = Environment.SystemPageSize };
            using EventSession session = EventSession.Open(TracerDefinition.Bind, options, out _);
            return new(backend, true, "", "", backend == Backend.Cgroup ? session.Blind : blind);
        }
        catch (TraceException exception)
        {
            return new(backend, false, exception.Message, exception.RecommendedAction, blind);
        }
    }

    private static unsafe string ReadLibBpfVersion()
    {
        try
        {
            LibBpf.EnsureLoaded();
            return Marshal.PtrToStringUTF8((nint)LibBpf.libbpf_version_string())?.TrimStart('v') ?? "";
        }
        catch (TraceException)
        {
            return "";
        }
    }
}

using System.Globalization;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>What this machine and this process may do.</summary>
internal static class Platform
{
    private const int CapDacReadSearch = 2;
    private const int CapNetAdmin = 12;
    public const int CapSysAdmin = 21;
    private const int CapPerfMon = 38;
    private const int CapBpf = 39;

    // 7c70cb94d29c, "sched: Add Lazy preemption model". Debian's kernels, like others, preempt since then, and did not before.
    private static readonly Version s_lazyPreemption = new(6, 13);

    private static readonly (int Number, string Name)[] s_capabilities =
    [
        (CapBpf, "CAP_BPF"), (CapPerfMon, "CAP_PERFMON"), (CapSysAdmin, "CAP_SYS_ADMIN"), (CapNetAdmin, "CAP_NET_ADMIN"), (CapDacReadSearch, "CAP_DAC_READ_SEARCH"),
    ];

    /// <summary>What to do about <see cref="IsLockedDown"/>.</summary>
    public const string LockdownAdvice =
        "The kernel is locked down in confidentiality mode, which forbids reading kernel memory; boot with lockdown=integrity or none.";

    private const string LockdownPath = "/sys/kernel/security/lockdown";

    /// <summary>The lockdown mode: none, integrity, confidentiality, or nothing if there is no lockdown.</summary>
    public static string Lockdown
    {
        get
        {
            // The mode in force stands in brackets: none [integrity] confidentiality.
            string text = ReadFile(LockdownPath);
            int open = text.IndexOf('[', StringComparison.Ordinal);
            int close = text.IndexOf(']', StringComparison.Ordinal);
            return open >= 0 && close > open ? text[(open + 1)..close] : "";
        }
    }

    /// <summary>Whether the lockdown mode is one in which no program may read kernel memory.</summary>
    public static bool IsLockedDown => Lockdown == "confidentiality";

    /// <summary>The effective capabilities of this process, as bits.</summary>
    public static ulong EffectiveCapabilities
    {
        get
        {
            const string Field = "CapEff:";
            string? line = ReadFile("/proc/self/status").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
            return line is not null && ulong.TryParse(line.AsSpan(Field.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits)
                ? bits
                : 0;
        }
    }

    /// <summary>Whether the kernel compiles BPF programs; null if that may not be read, and then it nearly always does.</summary>
    public static bool? Jit => ReadFile("/proc/sys/net/core/bpf_jit_enable").Trim() switch
    {
        "1" or "2" => true,
        "0" => false,
        _ => null,
    };

    /// <summary>
    /// Whether the kernel may take a processor away from a thread within the kernel. It then does so within programs on
    /// trampolines, too, and leaves out the same program for all other threads on that processor until the thread goes
    /// on. Programs of kprobes are not interrupted.
    /// </summary>
    public static bool Preempts
    {
        get
        {
            // The mode is in brackets; debugfs, and the like of it, is for root, and not everywhere mounted.
            string modes = ReadFile("/sys/kernel/debug/sched/preempt");
            string version = ReadFile("/proc/sys/kernel/version");
            return modes.Length > 0 ? modes.Contains("(full)", StringComparison.Ordinal) || modes.Contains("(lazy)", StringComparison.Ordinal)
                : version.Contains("PREEMPT_DYNAMIC", StringComparison.Ordinal) ? Environment.OSVersion.Version >= s_lazyPreemption
                : version.Contains("PREEMPT", StringComparison.Ordinal);
        }
    }

    /// <summary>Whether this process has what loading tracing programs takes.</summary>
    public static bool IsPrivileged => Has(CapSysAdmin) || (Has(CapBpf) && Has(CapPerfMon));

    /// <summary>Whether this process has what cgroup programs take beyond <see cref="IsPrivileged"/>.</summary>
    public static bool MayAttachToCgroups => Has(CapSysAdmin) || Has(CapNetAdmin);

    /// <summary>Whether this process may open perf events, which kprobes and tracepoints take; Debian's kernels know a level 3.</summary>
    public static bool MayOpenPerfEvents =>
        Has(CapSysAdmin) || !int.TryParse(ReadFile("/proc/sys/kernel/perf_event_paranoid"), CultureInfo.InvariantCulture, out int level) || level <= 2;

    /// <summary>Fails early, with the reason, where nothing could work.</summary>
    public static void EnsureUsable()
    {
        EnsureLinux(OperatingSystem.IsLinux());
        HostRoot.EnsureFound();
        LibBpf.EnsureLoaded();
        if (!IsPrivileged)
        {
            throw new TraceException(
                "NotPrivileged",
                TraceErrorKind.PermissionDenied,
                "Tracing requires the capabilities CAP_BPF and CAP_PERFMON, which this process does not have.",
                "Run as root, for example with sudo.");
        }
    }

    /// <summary>Fails on other systems, which a test cannot be on.</summary>
    internal static void EnsureLinux(bool isLinux)
    {
        if (!isLinux)
        {
            throw new TraceException(
                "NotLinux",
                TraceErrorKind.NotImplemented,
                "BindSnoop requires Linux, which this is not.",
                "Run it on Linux 5.10 or later.");
        }
    }

    /// <summary>What to do about an error of bpf(2) or perf_event_open(2) in a process that has the capabilities.</summary>
    public static string AdviceFor(int errno) => errno switch
    {
        Errno.EPERM or Errno.EINVAL when IsLockedDown => LockdownAdvice,
        // 5.11 charges BPF memory to cgroups instead (d5299b67dd59, "bpf: Memcg-based memory accounting for bpf maps").
        Errno.EPERM or Errno.ENOMEM when MemoryLockLimit() != "unlimited" && KernelVersion < new Version(5, 11) =>
            $"Raise the limit of locked memory, which is {MemoryLockLimit()} bytes: 'ulimit -l unlimited', or LimitMEMLOCK=infinity in a systemd unit.",
        Errno.EPERM or Errno.EACCES =>
            "This kernel does not permit it; in a container, CAP_BPF and CAP_PERFMON must be held on the host. Try another back end.",
        Errno.E2BIG => "Use a smaller buffer or shorter filters; if too many traces run on this machine (a tracepoint takes 64 programs), stop some.",
        Errno.ENOMEM => "Use a smaller buffer or shorter filters, or raise the memory limit of this process.",
        Errno.EMFILE or Errno.ENFILE => "Raise the limit of open files ('ulimit -n'), or stop other traces.",
        _ => "Try another back end; the support report shows which ones work.",
    };

    private static Version KernelVersion =>
        Version.TryParse(ReadFile("/proc/sys/kernel/osrelease").Split('-', '+', '\n')[0], out Version? version) ? version : new Version(0, 0);

    /// <summary>Whether a capability is in effect.</summary>
    public static bool Has(int capability) => (EffectiveCapabilities >> capability & 1) != 0;

    /// <summary>The capabilities that matter here and are in effect.</summary>
    public static IReadOnlyList<string> CapabilityNames() =>
        s_capabilities.Where(c => Has(c.Number)).Select(c => c.Name).ToArray();

    /// <summary>RLIMIT_MEMLOCK of this process, in bytes, or "unlimited".</summary>
    public static string MemoryLockLimit()
    {
        const string Field = "Max locked memory";
        string? line = ReadFile("/proc/self/limits").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? "" : line[Field.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
    }

    /// <summary>The bytes of a file of /proc or /sys; none where it cannot be read.</summary>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The text of a file of /proc or /sys; nothing if it cannot be read.</summary>
    public static string ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
        catch (UnauthorizedAccessException)
        {
            return "";
        }
    }
}

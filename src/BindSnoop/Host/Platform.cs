using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>What this machine is, and whether it will do.</summary>
internal static class Platform
{
    // 7c70cb94d29c, "sched: Add Lazy preemption model". Debian's kernels, like others, preempt since then, and did not before.
    private static readonly Version s_lazyPreemption = new(6, 13);

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
            string text = SystemFile.ReadText(LockdownPath);
            int open = text.IndexOf('[', StringComparison.Ordinal);
            int close = text.IndexOf(']', StringComparison.Ordinal);
            return open >= 0 && close > open ? text[(open + 1)..close] : "";
        }
    }

    /// <summary>Whether the lockdown mode is one in which no program may read kernel memory.</summary>
    public static bool IsLockedDown => Lockdown == "confidentiality";

    /// <summary>Whether the kernel compiles BPF programs; null if that may not be read, and then it nearly always does.</summary>
    public static bool? Jit => SystemFile.ReadText("/proc/sys/net/core/bpf_jit_enable").Trim() switch
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
            string modes = SystemFile.ReadText("/sys/kernel/debug/sched/preempt");
            string version = SystemFile.ReadText("/proc/sys/kernel/version");
            return modes.Length > 0 ? modes.Contains("(full)", StringComparison.Ordinal) || modes.Contains("(lazy)", StringComparison.Ordinal)
                : version.Contains("PREEMPT_DYNAMIC", StringComparison.Ordinal) ? Environment.OSVersion.Version >= s_lazyPreemption
                : version.Contains("PREEMPT", StringComparison.Ordinal);
        }
    }

    /// <summary>Fails early, with the reason, where nothing could work.</summary>
    public static void EnsureUsable()
    {
        EnsureLinux(OperatingSystem.IsLinux());
        HostRoot.EnsureFound();
        LibBpf.EnsureLoaded();
        if (!Capabilities.IsPrivileged)
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

    /// <summary>The kernel's version, without what a distribution has added.</summary>
    public static Version KernelVersion =>
        Version.TryParse(SystemFile.ReadText("/proc/sys/kernel/osrelease").Split('-', '+', '\n')[0], out Version? version) ? version : new Version(0, 0);

    /// <summary>RLIMIT_MEMLOCK of this process, in bytes, or "unlimited".</summary>
    public static string MemoryLockLimit()
    {
        const string Field = "Max locked memory";
        string? line = SystemFile.ReadText("/proc/self/limits").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? "" : line[Field.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
    }
}

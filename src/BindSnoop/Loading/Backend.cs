namespace BindSnoop;

/// <summary>How the kernel is hooked.</summary>
public enum Backend
{
    /// <summary>
    /// The first of the others that works: <see cref="Fentry"/>, <see cref="Kprobe"/>, <see cref="Cgroup"/>,
    /// <see cref="Tracepoint"/>; on a kernel that preempts <see cref="Cgroup"/>, <see cref="Kprobe"/>,
    /// <see cref="Fentry"/>, <see cref="Tracepoint"/>, for <see cref="Fentry"/> then leaves out events under heavy load.
    /// </summary>
    Auto,

    /// <summary>fexit programs on trampolines: the cheapest. Since 5.10; on arm64, 6.1 cannot attach them and 6.12 can.</summary>
    Fentry,

    /// <summary>kprobes and kretprobes. The kernel has room for ten returns at a time, or two for each processor if that is more.</summary>
    Kprobe,

    /// <summary>System call tracepoints: no io_uring, no 32-bit callers.</summary>
    Tracepoint,

    /// <summary>
    /// Programs at the root of the cgroup hierarchy, which the kernel runs within a bind: of bind() alone, and of
    /// successes. Others stand beside them for the rest, where they can: see <see cref="TraceSupport"/>.
    /// </summary>
    Cgroup,
}

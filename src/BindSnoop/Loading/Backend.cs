namespace BindSnoop;

/// <summary>How the kernel is hooked.</summary>
public enum Backend
{
    /// <summary>
    /// The first of the others that works, in their order; on a kernel that preempts, <see cref="Kprobe"/> before
    /// <see cref="Fentry"/>, which then leaves out events under heavy load.
    /// </summary>
    Auto,

    /// <summary>fexit programs on trampolines: the cheapest. Since 5.10, arm64 since 6.0.</summary>
    Fentry,

    /// <summary>kprobes and kretprobes. The kernel has room for ten returns at a time, or two for each processor if that is more.</summary>
    Kprobe,

    /// <summary>System call tracepoints: no io_uring, no 32-bit callers.</summary>
    Tracepoint,
}

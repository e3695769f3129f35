namespace BindSnoop;

/// <summary>How the kernel is hooked.</summary>
public enum Backend
{
    /// <summary>The first of the others that works, in their order.</summary>
    Auto,

    /// <summary>fexit programs on trampolines: the cheapest. Since 5.10, arm64 since 6.0.</summary>
    Fentry,

    /// <summary>kprobes and kretprobes.</summary>
    Kprobe,

    /// <summary>System call tracepoints: no io_uring, no 32-bit callers.</summary>
    Tracepoint,
}

/// <summary>A back end that was tried and refused.</summary>
/// <param name="Backend">Which one.</param>
/// <param name="Error">Why.</param>
public sealed record BackendRefusal(Backend Backend, TraceException Error)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Backend}: {Error.Message}";
}

namespace BindSnoop;

/// <summary>What the back ends do not see, in one sentence each; docs/limits.md has the details.</summary>
public static class BlindSpots
{
    /// <summary>The calls that a back end does not see.</summary>
    public static string Of(Backend backend) => backend switch
    {
        Backend.Tracepoint =>
            "Calls by io_uring, 32-bit programs and the kernel itself, sockets of AF_SMC, sctp_bindx(), bpf_bind().",
        Backend.Fentry or Backend.Kprobe => "Calls that seccomp refuses, sctp_bindx(), bpf_bind().",
        _ => "",
    };
}

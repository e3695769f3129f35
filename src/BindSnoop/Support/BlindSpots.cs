namespace BindSnoop;

/// <summary>What the back ends do not see, in one sentence each; docs/limits.md has the details.</summary>
public static class BlindSpots
{
    /// <summary>The releases that programs of the cgroup do not see.</summary>
    internal const string OfReleasesByCgroup = "Releases of sockets of the kernel's own, and by a connect() to no address.";

    /// <summary>The calls that a back end does not see.</summary>
    public static string Of(Backend backend) => backend switch
    {
        Backend.Tracepoint =>
            "Calls by io_uring, 32-bit programs and the kernel itself, sockets of AF_SMC, sctp_bindx(), bpf_bind(); releases of sockets that do not listen.",
        Backend.Fentry or Backend.Kprobe => "Calls that seccomp refuses, sctp_bindx(), bpf_bind().",
        _ => "",
    };
}

namespace BindSnoop;

/// <summary>What the back ends do not see, in one sentence each; docs/limits.md has the details.</summary>
public static class BlindSpots
{
    /// <summary>The releases that programs of the cgroup do not see.</summary>
    internal const string OfReleasesByCgroup = "Releases of the kernel's own sockets, and releases by a connect() to no address.";

    /// <summary>The calls that a back end does not see.</summary>
    public static string Of(Backend backend) => backend switch
    {
        Backend.Tracepoint =>
            "Calls made through io_uring, by 32-bit programs or by the kernel itself, sockets of AF_SMC, sctp_bindx(), bpf_bind(); releases of sockets that do not listen.",
        Backend.Fentry or Backend.Kprobe => "Calls that seccomp refuses, sctp_bindx(), bpf_bind().",
        _ => "",
    };
}

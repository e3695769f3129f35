using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>
/// What is particular to one tracer: its BPF object, and what it hooks. Programs are named
/// <c>fentry_FUNCTION</c>, <c>fexit_FUNCTION</c>, <c>kprobe_FUNCTION</c>, <c>kretprobe_FUNCTION</c>,
/// <c>sys_enter_CALL</c>, <c>sys_exit_CALL</c> and <c>raw_TRACEPOINT</c>; the object has those of them that it takes.
/// </summary>
/// <param name="ObjectName">Its BPF object.</param>
/// <param name="RecordSize">Of its records, all of which have the same.</param>
/// <param name="Functions">What to hook by trampoline or kprobe.</param>
/// <param name="SystemCalls">What to hook by tracepoint.</param>
/// <param name="RawTracepoints">What every back end hooks besides, if failures are wanted.</param>
/// <param name="Cgroup">What to hook by programs of the cgroup; null if nothing of it runs in them.</param>
internal sealed record TracerDefinition(
    string ObjectName,
    int RecordSize,
    IReadOnlyList<HookedFunction> Functions,
    IReadOnlyList<string> SystemCalls,
    IReadOnlyList<string> RawTracepoints,
    CgroupDefinition? Cgroup = null)
{
    public static TracerDefinition Bind { get; } = new(
        "bind",
        Unsafe.SizeOf<BindRecord>(),
        [
            new("inet_bind", Required: "IPv4 networking"),
            new("inet6_bind", Module: "ipv6"),
            new("mptcp_bind"),
            new("security_socket_bind", ErrorsOnly: true),
            new("__sys_bind", ErrorsOnly: true),
        ],
        ["bind"],
        [],
        new CgroupDefinition(
            ["cgroup_bind4", "cgroup_bind6"],
            ["cgroup_post_bind4", "cgroup_post_bind6"],
            ["raw_bind", "rawv6_bind", "ping_bind"],
            ["inet_bind", "inet6_bind"]));

    public static TracerDefinition Accept { get; } = new(
        "accept",
        Unsafe.SizeOf<AcceptRecord>(),
        [
            new("security_sock_graft", Required: "CONFIG_SECURITY_NETWORK=y"),
            new("inet_csk_accept", ErrorsOnly: true),
            new("__sys_accept4", ErrorsOnly: true),
            new("put_unused_fd", ErrorsOnly: true),
        ],
        ["accept", "accept4"],
        ["signal_deliver"]);

    public static TracerDefinition Listen { get; } = new(
        "listen",
        Unsafe.SizeOf<ListenRecord>(),
        [
            new("inet_listen", Required: "IPv4 networking"),
            new("mptcp_listen"),
            new("sctp_inet_listen", Module: "sctp"),
            new("inet_dccp_listen", Module: "dccp"),
            new("sock_no_listen", ErrorsOnly: true),
            new("security_socket_listen", ErrorsOnly: true),
        ],
        ["listen"],
        []);

    public static IReadOnlyList<TracerDefinition> All { get; } = [Bind, Accept, Listen];

    // A failure to read is not kept: /sys may be mounted later.
    private static readonly Lazy<KernelTypes> s_kernelTypes =
        new(() => KernelTypes.Load(All.SelectMany(d => d.Functions.Select(f => f.Name).Concat(d.Cgroup?.OwnFunctions ?? []))), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>What the running kernel has of all that any tracer hooks; read once in the life of the process.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static KernelTypes KernelTypes => s_kernelTypes.Value;

    /// <summary>The object for this machine's architecture.</summary>
    /// <param name="cast">That for kernels whose programs can give an address a type: see CAN_CAST in bpf/kernel.h.</param>
    public byte[] LoadObject(bool cast) => LoadObject(ObjectName, cast);

    /// <summary>The same of any object.</summary>
    public static byte[] LoadObject(string objectName, bool cast)
    {
        string architecture = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "x64",
            System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
            var other => throw new TraceException(
                "ArchitectureNotSupported",
                TraceErrorKind.NotImplemented,
                $"There are no BPF programs for {other}.",
                "Use an x86-64 or arm64 machine."),
        };
        using Stream stream = typeof(TracerDefinition).Assembly.GetManifestResourceStream($"bpf/{objectName}.{architecture}{(cast ? "-cast" : "")}.o")!;
        byte[] image = new byte[stream.Length];
        stream.ReadExactly(image);
        return image;
    }
}

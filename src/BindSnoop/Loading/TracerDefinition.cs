using System.Buffers.Binary;
using System.IO.Compression;
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
/// <param name="SampleSize">Of its samples, all of which have the same.</param>
/// <param name="Functions">What to hook by trampoline or kprobe.</param>
/// <param name="SystemCalls">What to hook by tracepoint.</param>
/// <param name="RawTracepoints">What every back end hooks besides, if failures are wanted.</param>
/// <param name="Cgroup">What to hook by programs of the cgroup; null if nothing of it runs in them.</param>
/// <param name="OwnTracepoints">Raw tracepoints that the <see cref="Backend.Tracepoint"/> back end hooks instead of system calls.</param>
/// <param name="BlindOfTracepoint">What that does not see, where it is not the usual.</param>
/// <param name="Memory">The map of what is remembered beyond a call, which that does without.</param>
internal sealed record TracerDefinition(
    string ObjectName,
    int SampleSize,
    IReadOnlyList<HookedFunction> Functions,
    IReadOnlyList<string> SystemCalls,
    IReadOnlyList<string> RawTracepoints,
    CgroupDefinition? Cgroup = null,
    IReadOnlyList<string>? OwnTracepoints = null,
    string BlindOfTracepoint = "Calls made through io_uring, and by 32-bit programs.",
    string? Memory = null)
{
    /// <summary>Where another object comes from than the embedded one, by whether its programs can give an address a type.</summary>
    public Func<bool, byte[]>? Image { get; init; }

    /// <summary>What the kernel is said to have, if it is not to be asked: for tests of what other kernels have.</summary>
    public KernelTypes? Types { get; init; }

    public static TracerDefinition Bind { get; } = new(
        "bind",
        Unsafe.SizeOf<BindSample>(),
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
        Unsafe.SizeOf<AcceptSample>(),
        [
            new("security_sock_graft", Required: "CONFIG_SECURITY_NETWORK=y, or Linux 6.5 or later", Substitute: "__inet_accept"),
            new("inet_csk_accept", ErrorsOnly: true),
            new("__sys_accept4", ErrorsOnly: true),
            new("put_unused_fd", ErrorsOnly: true),
        ],
        ["accept", "accept4"],
        ["signal_deliver"]);

    public static TracerDefinition Listen { get; } = new(
        "listen",
        Unsafe.SizeOf<ListenSample>(),
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

    public static TracerDefinition Release { get; } = new(
        "release",
        Unsafe.SizeOf<ReleaseSample>(),
        [
            new("inet_release", Required: "IPv4 networking"),
            new("tcp_disconnect"),
            new("tcp_abort"),
            new("__udp_disconnect"),
            new("inet_bind"),
            new("inet6_bind", Module: "ipv6"),
            new("mptcp_bind"),
            new("inet_listen"),
            new("mptcp_listen"),
            new("sctp_inet_listen", Module: "sctp", Optional: true),
            new("inet_dccp_listen", Module: "dccp", Optional: true),
        ],
        [],
        [],
        new CgroupDefinition(
            [],
            ["cgroup_sock_release", "cgroup_post_bind4", "cgroup_post_bind6", "raw_inet_sock_set_state"],
            [],
            [],
            Blind: "The kernel's own sockets; ports that a connect() to no address releases; how long raw, ping and SCTP sockets, and those bound by listen(), were bound."),
        ["inet_sock_set_state"],
        "Sockets that do not listen; how long others were bound.",
        "bound_sockets");

    public static IReadOnlyList<TracerDefinition> All { get; } = [Bind, Accept, Listen, Release];

    // A failure to read is not kept: /sys may be mounted later.
    private static readonly Lazy<KernelTypes> s_kernelTypes =
        new(() => KernelTypes.Load(AllFunctions), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>What the running kernel has of all that any tracer hooks; read once in the life of the process.</summary>
    /// <exception cref="TraceException"><c>BtfNotFound</c>.</exception>
    public static KernelTypes KernelTypes => s_kernelTypes.Value;

    /// <summary>The names of all functions that any tracer may hook.</summary>
    public static IEnumerable<string> AllFunctions =>
        All.SelectMany(d => d.Functions.SelectMany(f => new[] { f.Name, f.Substitute }).OfType<string>().Concat(d.Cgroup?.OwnFunctions ?? []));

    /// <summary>The object for this machine's architecture.</summary>
    /// <param name="cast">That for kernels whose programs can give an address a type: see CAN_CAST in bpf/kernel.h.</param>
    public byte[] LoadObject(bool cast) => Image?.Invoke(cast) ?? LoadObject(ObjectName, cast);

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
        return LoadObject(objectName, $"{architecture}{(cast ? "-cast" : "")}");
    }

    /// <summary>That of an architecture, which may have <c>-cast</c> behind it.</summary>
    public static byte[] LoadObject(string objectName, string architecture)
    {
        using Stream stream = typeof(TracerDefinition).Assembly.GetManifestResourceStream($"bpf/{objectName}.{architecture}.o.gz")
            ?? throw new ArgumentException($"There is no object {objectName} for {architecture}.");
        // A gzip file ends with the length of what it holds.
        Span<byte> length = stackalloc byte[sizeof(int)];
        stream.Position = stream.Length - length.Length;
        stream.ReadExactly(length);
        stream.Position = 0;
        using GZipStream content = new(stream, CompressionMode.Decompress);
        byte[] image = new byte[BinaryPrimitives.ReadInt32LittleEndian(length)];
        content.ReadExactly(image);
        return image;
    }
}

using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.Sockets;

namespace BindSnoop;

/// <summary>Whether a port could be bound at one moment, by the kernel's rules, and if not, why not and who is in the way.</summary>
public sealed class BindPortTest
{
    private BindPortTest(BindRequest request, uint networkNamespace, uint? uid, int errorCode, PortVerdict verdict, IReadOnlyList<string> unseen)
    {
        Port = request.Port;
        Address = request.Address.ToString();
        AddressFamily = request.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? nameof(IPFamily.IPv4) : nameof(IPFamily.IPv6);
        ProtocolNumber = request.Protocol;
        ProcessId = (int?)request.ProcessId;
        Uid = uid;
        NetworkNamespace = networkNamespace;
        Available = verdict.Available;
        Cause = verdict.Cause;
        ErrorCode = errorCode;
        Explanation = HolderText.Sentence(verdict.Explanation, verdict.Holders);
        Holders = verdict.Holders;
        Unseen = unseen;
    }

    /// <summary>When it was tested, in local time.</summary>
    public DateTime Time { get; } = DateTime.Now;

    /// <summary>The port that was asked about; 0 for one of the kernel's choice.</summary>
    public int Port { get; }

    /// <summary>The address; :: for all of both IP versions.</summary>
    public string Address { get; }

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one.</summary>
    public string Endpoint => TraceEvent.EndpointText(Address, Port)!;

    /// <summary>IPv4 or IPv6.</summary>
    public string AddressFamily { get; }

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf((ushort)ProtocolNumber);

    /// <summary>The protocol's number; 262 is MPTCP.</summary>
    public int ProtocolNumber { get; }

    /// <summary>The process that was tested for; null for the calling process.</summary>
    public int? ProcessId { get; }

    /// <summary>The user who would bind; null if it could not be found out.</summary>
    public uint? Uid { get; }

    /// <summary>The network namespace, by inode number.</summary>
    public uint NetworkNamespace { get; }

    /// <summary>
    /// Whether the kernel's own rules let it be bound; null if that cannot be known. Security modules and BPF programs of
    /// cgroups may still refuse it.
    /// </summary>
    public bool? Available { get; }

    /// <summary>Why not, in a word, such as Listening or PrivilegedPort; empty if it is available.</summary>
    public string Cause { get; }

    /// <summary>What bind() would fail with, a positive error number; 0 if it is available, or if that is not known.</summary>
    public int ErrorCode { get; }

    /// <summary>Its name, such as EADDRINUSE; empty for 0.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>One sentence: why not, and what would help.</summary>
    public string Explanation { get; }

    /// <summary>The sockets that are in the way; of a port of the kernel's choice one for each port.</summary>
    public IReadOnlyList<BindSocket> Holders { get; }

    /// <summary>What could not be seen of the machine's sockets, one sentence for each reason.</summary>
    public IReadOnlyList<string> Unseen { get; }

    internal static Description<BindPortTest> Description { get; } = new(
    [
        Field<BindPortTest>.Time(nameof(Time), t => t.Time),
        Field<BindPortTest>.Text(nameof(Protocol), t => t.Protocol, heading: "PROT"),
        Field<BindPortTest>.Number(nameof(ProtocolNumber), t => t.ProtocolNumber),
        Field<BindPortTest>.Text(nameof(AddressFamily), t => t.AddressFamily),
        Field<BindPortTest>.Text(nameof(Address), t => t.Address),
        Field<BindPortTest>.Number(nameof(Port), t => t.Port),
        Field<BindPortTest>.Number(nameof(ProcessId), t => t.ProcessId),
        Field<BindPortTest>.Number(nameof(Uid), t => t.Uid),
        Field<BindPortTest>.Number(nameof(NetworkNamespace), t => t.NetworkNamespace),
        Field<BindPortTest>.Flag(nameof(Available), t => t.Available, heading: "AVAILABLE"),
        Field<BindPortTest>.Text(nameof(Cause), t => t.Cause, heading: "CAUSE"),
        Field<BindPortTest>.Number(nameof(ErrorCode), t => t.ErrorCode),
        Field<BindPortTest>.Text(nameof(ErrorName), t => t.ErrorName),
        Field<BindPortTest>.Text(nameof(Explanation), t => t.Explanation, heading: "EXPLANATION"),
        Field<BindPortTest>.Items(nameof(Holders), t => t.Holders, () => BindSocket.Description),
        Field<BindPortTest>.Texts(nameof(Unseen), t => t.Unseen),
    ], []);

    /// <summary>Looks at the sockets that are there now. Nothing is bound.</summary>
    /// <exception cref="TraceException"><c>ProcessNotFound</c>, <c>NamespaceNotReadable</c>.</exception>
    public static BindPortTest Run(BindRequest request)
    {
        Platform.EnsureLinux(OperatingSystem.IsLinux());
        string process = request.ProcessId is { } id ? string.Create(CultureInfo.InvariantCulture, $"/proc/{id}") : "/proc/self";
        if (!Directory.Exists(process))
        {
            throw new TraceException(
                "ProcessNotFound", TraceErrorKind.ObjectNotFound, $"There is no process {request.ProcessId}.", "Give the id of a running process, or a user.", request.ProcessId);
        }

        uint networkNamespace = request.NetworkNamespace ?? NetworkNamespaces.InodeOf($"{process}/ns/net") ?? throw new TraceException(
            "NamespaceNotReadable",
            TraceErrorKind.PermissionDenied,
            $"The network namespace of process {request.ProcessId} cannot be read: that requires CAP_SYS_PTRACE.",
            "Run as root, or name the network namespace.",
            request.ProcessId);
        uint? uid = request.Uid ?? BindPrivilege.UserOf(process);
        NetworkState? state = NetworkState.Read(networkNamespace);
        bool? isPrivileged = request is { Uid: { } user, ProcessId: null } ? user == 0 : state is null ? null : BindPrivilege.Of(process, state);

        if (state is not null && AddressRules.Check(request, networkNamespace, state, isPrivileged) is { } fault)
        {
            return new BindPortTest(request, networkNamespace, uid, fault.ErrorCode, new PortVerdict(false, fault.Cause, fault.Explanation, []), []);
        }

        BindClaim claim = new(
            networkNamespace,
            request.Protocol,
            AddressValue.Of(request.Address),
            request.Port,
            request.IPv6Only,
            request.InterfaceIndex != 0 ? request.InterfaceIndex : request.Address is { IsIPv6LinkLocal: true, ScopeId: var scope } ? (uint)scope : 0,
            request.ReuseAddress,
            request.ReusePort,
            uid);
        SocketSnapshot snapshot = SocketSnapshot.Take(new()
        {
            Port = [request.Port == 0 && state is not null ? state.LocalPorts : new PortRange(request.Port, request.Port)],
            NetworkNamespace = [networkNamespace],
            All = true,
        });
        PortVerdict verdict = claim.Rules == ConflictRules.None ? new PortVerdict(true, BindCause.None, "", [])
            : request.Port != 0 ? PortSearch.OfPort(claim, snapshot.Sockets)
            : state is not null ? PortSearch.OfAnyPort(claim, state, snapshot.Sockets)
            : new PortVerdict(null, BindCause.Unknown, "", []);
        if (verdict.Available != false)
        {
            verdict = Doubt(verdict, request, state, networkNamespace, isPrivileged, snapshot);
        }

        return new BindPortTest(request, networkNamespace, uid, verdict.Available == false ? Errno.EADDRINUSE : 0, verdict, snapshot.Unseen);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Protocol} {Endpoint}: {(Available == true ? "available" : Cause)}";

    /// <summary>That nothing was found says little where not all can be seen.</summary>
    private static PortVerdict Doubt(
        PortVerdict verdict, BindRequest request, NetworkState? state, uint networkNamespace, bool? isPrivileged, SocketSnapshot snapshot)
    {
        string? doubt = state is null ? string.Create(CultureInfo.InvariantCulture, $"the network namespace {networkNamespace} could not be entered: that requires CAP_SYS_ADMIN, and a process in it or a name in /run/netns")
            : isPrivileged is null && request.Port != 0 && request.Port < state.UnprivilegedStart
                ? string.Create(CultureInfo.InvariantCulture, $"ports below {state.UnprivilegedStart} require CAP_NET_BIND_SERVICE, and it is unknown whether the process has it")
            : snapshot.Refusal is null ? (snapshot.Unseen.Contains(KernelSockets.ListsUnread) ? "the kernel's list of bound ports changed too fast to be read; try again" : null)
            : networkNamespace != NetworkNamespaces.Own && !Platform.Has(Platform.CapSysAdmin) ? "sockets of other network namespaces cannot be seen without CAP_SYS_ADMIN"
            : BindClaim.RulesOf(request.Protocol) == ConflictRules.Stream && Environment.OSVersion.Version < NetlinkSockets.ListsBound
                ? "TCP sockets that are bound and do not listen cannot be seen without CAP_BPF and CAP_PERFMON before Linux 6.8"
            : null;
        return doubt is not null && verdict.Available == true ? new PortVerdict(null, BindCause.Unknown, $"no socket in the way was found, but {doubt}", [])
            : verdict.Explanation.Length > 0 ? verdict
            : verdict with { Explanation = request.Port != 0 ? "nothing is in the way" : $"the kernel can choose a port of {state!.LocalPorts}" };
    }
}

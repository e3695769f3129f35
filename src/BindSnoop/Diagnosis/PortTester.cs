using System.Globalization;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Sockets;

namespace BindSnoop.Diagnosis;

/// <summary>Tests whether a port could be bound: by the address, then by the sockets that are there.</summary>
internal static class PortTester
{
    /// <summary>Looks at the sockets that are there now. Nothing is bound.</summary>
    /// <exception cref="TraceException"><c>ProcessNotFound</c>, <c>NamespaceNotReadable</c>.</exception>
    public static BindPortTest Test(BindRequest request)
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
        PortVerdict verdict = claim.ProtocolClass == ProtocolClass.None ? new PortVerdict(true, BindCause.None, "", [])
            : request.Port != 0 ? PortSearch.OfPort(claim, snapshot.Sockets)
            : state is not null ? PortSearch.OfAnyPort(claim, state, snapshot.Sockets)
            : new PortVerdict(null, BindCause.Unknown, "", []);
        if (verdict.Available != false)
        {
            verdict = Doubt(verdict, request, state, networkNamespace, isPrivileged, snapshot);
        }

        return new BindPortTest(request, networkNamespace, uid, verdict.Available == false ? Errno.EADDRINUSE : 0, verdict, snapshot.Unseen);
    }

    /// <summary>That nothing was found says little where not all can be seen.</summary>
    private static PortVerdict Doubt(
        PortVerdict verdict, BindRequest request, NetworkState? state, uint networkNamespace, bool? isPrivileged, SocketSnapshot snapshot)
    {
        string? doubt = state is null ? string.Create(CultureInfo.InvariantCulture, $"the network namespace {networkNamespace} could not be entered: that requires CAP_SYS_ADMIN, and a process in it or a name in /run/netns")
            : isPrivileged is null && request.Port != 0 && request.Port < state.UnprivilegedStart
                ? string.Create(CultureInfo.InvariantCulture, $"ports below {state.UnprivilegedStart} require CAP_NET_BIND_SERVICE, and it is unknown whether the process has it")
            : snapshot.Refusal is null ? (snapshot.Unseen.Contains(BpfSockets.ListsUnread) ? "the kernel's list of bound ports changed too fast to be read; try again" : null)
            : networkNamespace != NetworkNamespaces.Own && !Capabilities.Has(Capabilities.CapSysAdmin) ? "sockets of other network namespaces cannot be seen without CAP_SYS_ADMIN"
            : BindClaim.ClassOf(request.Protocol) == ProtocolClass.Stream && Environment.OSVersion.Version < NetlinkSockets.ListsBound
                ? "TCP sockets that are bound and do not listen cannot be seen without CAP_BPF and CAP_PERFMON before Linux 6.8"
            : null;
        return doubt is not null && verdict.Available == true ? new PortVerdict(null, BindCause.Unknown, $"no socket in the way was found, but {doubt}", [])
            : verdict.Explanation.Length > 0 ? verdict
            : verdict with { Explanation = request.Port != 0 ? "nothing is in the way" : $"the kernel can choose a port of {state!.LocalPorts}" };
    }
}

using System.Globalization;
using System.Net;
using BindSnoop.Errors;
using BindSnoop.Host;

namespace BindSnoop.Diagnosis;

/// <summary>Why calls of bind() and listen() failed, by their errors and by the sockets that were there just after.</summary>
internal sealed class FailureRules(IReadOnlyList<BindSocket> sockets)
{
    private readonly Dictionary<uint, NetworkState?> _states = [];

    /// <summary>Whether the sockets that are there matter.</summary>
    public static bool NeedsSockets(FailedCall failed) => failed.ErrorCode is Errno.EADDRINUSE or Errno.EINVAL;

    /// <summary>Whether those of all ports do.</summary>
    public static bool NeedsEveryPort(FailedCall failed) =>
        failed.ErrorCode == Errno.EINVAL || (failed.ErrorCode == Errno.EADDRINUSE && failed.Port == 0);

    /// <summary>Explains one failure.</summary>
    public BindFinding Explain(FailedCall failed) => failed.ErrorCode switch
    {
        Errno.EADDRINUSE => ExplainInUse(failed),
        Errno.EACCES => ExplainRefusal(failed),
        Errno.EADDRNOTAVAIL or Errno.ENODEV => ExplainAddress(failed),
        Errno.EINVAL => failed.IsListen ? ExplainState(failed) : ExplainInvalid(failed),
        Errno.EOPNOTSUPP when failed.IsListen => Finding(
            BindCause.CannotListen, $"sockets of the type {failed.SocketType} cannot listen; a datagram server receives without listen()"),
        Errno.EPERM => Finding(BindCause.SecurityPolicy, "a BPF program of the process's cgroup, a seccomp filter or a security module refused it; check their configuration"),
        Errno.EBADF => Finding(BindCause.NotASocket, "the descriptor is not open; the program closed it or never opened it"),
        Errno.ENOTSOCK => Finding(BindCause.NotASocket, "the descriptor is not a socket; the program used a wrong descriptor"),
        Errno.EAFNOSUPPORT => Finding(BindCause.BadAddress, "the address does not have the socket's family; the program must pass an address of the socket's IP version"),
        Errno.EFAULT => Finding(BindCause.BadAddress, "the address could not be read from the program's memory; the program passed a bad pointer"),
        _ => Finding(BindCause.Unknown, $"the kernel refused it: {Errno.Describe(failed.ErrorCode)}"),
    };

    private static BindFinding Finding(string cause, string explanation, IReadOnlyList<BindSocket>? holders = null) =>
        new(cause, HolderText.Sentence(explanation, holders ?? []), holders ?? []);

    private static BindFinding Finding(PortVerdict verdict) => Finding(verdict.Cause, verdict.Explanation, verdict.Holders);

    private static BindClaim ClaimOf(FailedCall failed, IPAddress address, uint? uid) => new(
        failed.NetworkNamespace,
        failed.ProtocolNumber,
        AddressValue.Of(address),
        failed.Port,
        failed.IPv6Only,
        failed.InterfaceIndex,
        failed.Options.HasFlag(BindOptions.ReuseAddress),
        failed.Options.HasFlag(BindOptions.ReusePort),
        uid);

    private BindFinding ExplainInUse(FailedCall failed)
    {
        if (failed.Address is not { } address)
        {
            return Finding(BindCause.Unknown, "the requested address is unknown");
        }

        BindClaim claim = ClaimOf(failed, address, failed.SocketUid ?? OwnOf(failed)?.Uid);
        BindSocket[] others = [.. sockets.Where(s => s.NetworkNamespace == failed.NetworkNamespace && (failed.Inode == 0 || s.Inode != failed.Inode))];
        if (failed.Port == 0)
        {
            return StateOf(failed) is { } state && PortSearch.OfAnyPort(claim, state, others) is { Available: false } full
                ? Finding(full)
                : Finding(BindCause.NoFreePort, "the kernel found no free port: net.ipv4.ip_local_port_range has free ports again, or the socket allows only some of them (IP_LOCAL_PORT_RANGE)");
        }

        PortVerdict verdict = PortSearch.OfPort(claim, others);
        if (verdict.Available == true)
        {
            // With a program attached before bind() the kernel takes SO_REUSEPORT for not set, and nothing shows that.
            return PortSearch.OfPort(claim with { ReusePort = false }, others) is { Available: false } shared
                ? Finding(
                    BindCause.Unknown,
                    $"{HolderText.Describe(shared.Holders[0])} and would share the port; another socket that would not was gone a moment later, or the new socket had a program attached (SO_ATTACH_REUSEPORT_EBPF), which must be done after bind()",
                    shared.Holders)
                : Finding(BindCause.HolderGone, "the socket that held the port was gone a moment later; try again");
        }

        return verdict.Available is null
            ? Finding(verdict.Holders.Count > 0 ? PortSearch.CauseOf(claim, verdict.Holders[0]) : BindCause.Unknown, verdict.Explanation, verdict.Holders)
            : Finding(verdict);
    }

    private BindFinding ExplainRefusal(FailedCall failed)
    {
        const string Policy = "a security module such as SELinux, AppArmor or Landlock refused it; check the audit log or the kernel log";
        if (failed.IsListen)
        {
            return Finding(BindCause.SecurityPolicy, Policy);
        }

        if (StateOf(failed) is not { } state)
        {
            return Finding(BindCause.Unknown, $"the port requires CAP_NET_BIND_SERVICE there, or {Policy}");
        }

        if (failed.Port == 0 || failed.Port >= state.UnprivilegedStart)
        {
            return Finding(BindCause.SecurityPolicy, Policy);
        }

        return BindPrivilege.Of(failed.ProcessPath, state) switch
        {
            true => Finding(BindCause.SecurityPolicy, Policy),
            false => Finding(BindCause.PrivilegedPort, AddressRules.ExplainPrivilege(state)),

            // Programs that may not bind their port tend to end at once.
            null => Finding(
                BindCause.PrivilegedPort,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"ports below {state.UnprivilegedStart} require CAP_NET_BIND_SERVICE, and the process ended before its capabilities could be read; if it had that one, {Policy}")),
        };
    }

    private BindFinding ExplainAddress(FailedCall failed)
    {
        if (failed.Address is not { } address || StateOf(failed) is not { } state)
        {
            return Finding(BindCause.AddressNotLocal, "the address was not local in the network namespace of the process; bind an address that 'ip address' shows there");
        }

        BindRequest request = new()
        {
            Address = address,
            Port = (ushort)failed.Port,
            Protocol = (ushort)failed.ProtocolNumber,
            IPv6Only = failed.IPv6Only,
            InterfaceIndex = failed.InterfaceIndex,
        };
        return AddressRules.Check(request, failed.NetworkNamespace, state, isPrivileged: true) is { } fault ? Finding(fault.Cause, fault.Explanation)
            : failed.ErrorCode == Errno.ENODEV ? Finding(BindCause.WrongInterface, "the address names an interface number that does not exist")
            : Finding(BindCause.AddressNotLocal, "the address was not local at the time of the call, but is now; try again, or start the program after network-online.target");
    }

    private BindFinding ExplainInvalid(FailedCall failed)
    {
        if (failed.Address is null)
        {
            return Finding(BindCause.BadAddress, "the address is too short for the socket's family; the program passed a wrong length");
        }

        if (OwnOf(failed) is { Port: not 0 } bound)
        {
            return Finding(BindCause.AlreadyBound, $"the socket is already bound to {bound.Endpoint}, and a socket can be bound only once; the program must create another socket");
        }

        return StateOf(failed) is { } state && failed.Address is { } address && AddressRules.Check(
            new() { Address = address, Port = (ushort)failed.Port, Protocol = (ushort)failed.ProtocolNumber, IPv6Only = failed.IPv6Only, InterfaceIndex = failed.InterfaceIndex },
            failed.NetworkNamespace,
            state,
            isPrivileged: true) is { Cause: BindCause.BadAddress } fault
            ? Finding(fault.Cause, fault.Explanation)
            : Finding(BindCause.Unknown, "the kernel rejected it as invalid: the socket was already bound or closed, it cannot be bound to such an address, or the program passed too large a length");
    }

    private BindFinding ExplainState(FailedCall failed) => OwnOf(failed) is { RemoteEndpoint: { } remote } own
        ? Finding(BindCause.CannotListen, $"the socket is connected to {remote} ({own.State}), and a socket can either connect or listen; the program must create another socket")
        : Finding(BindCause.CannotListen, "a socket that is connected, is connecting, or was shut down cannot listen; the program must create another socket");

    /// <summary>The socket of the call itself.</summary>
    private BindSocket? OwnOf(FailedCall failed) => failed.Inode == 0 ? null : sockets.FirstOrDefault(s => s.Inode == failed.Inode);

    private NetworkState? StateOf(FailedCall failed)
    {
        if (!_states.TryGetValue(failed.NetworkNamespace, out NetworkState? state))
        {
            string path = $"{failed.ProcessPath}/ns/net";
            state = failed.NetworkNamespace != NetworkNamespaces.Own && Namespaces.InodeOf(path) == failed.NetworkNamespace
                ? NetworkState.ReadAt(failed.NetworkNamespace, path)
                : null;

            // The process may have ended since; another may be there.
            state ??= NetworkState.Read(failed.NetworkNamespace);
            _states.Add(failed.NetworkNamespace, state);
        }

        return state;
    }
}

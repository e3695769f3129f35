using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Errors;
using BindSnoop.Host;

namespace BindSnoop.Diagnosis;

/// <summary>Whether an address can be bound at all, and by whom: __inet_bind() and __inet6_bind() of the kernel, in their order.</summary>
internal static class AddressRules
{
    /// <summary>What the kernel refuses a bind for before it looks at the port, or null.</summary>
    /// <param name="request">The bind.</param>
    /// <param name="networkNamespace">The namespace that it is made in.</param>
    /// <param name="state">What that namespace has.</param>
    /// <param name="isPrivileged">Whether the binder has CAP_NET_BIND_SERVICE there; null if not known.</param>
    public static BindFault? Check(BindRequest request, uint networkNamespace, NetworkState state, bool? isPrivileged)
    {
        AddressValue address = AddressValue.Of(request.Address);
        if (request.Address.AddressFamily == AddressFamily.InterNetwork)
        {
            return CheckIPv4(request, address, networkNamespace, state) ?? CheckPort(request, state, isPrivileged);
        }

        bool isMulticast = request.Address.IsIPv6Multicast;
        if (isMulticast && BindClaim.ClassOf(request.Protocol) is ProtocolClass.Stream or ProtocolClass.Sctp)
        {
            return Bad($"the address {request.Address} is a multicast address, to which a connection-oriented socket cannot be bound; choose an address of this host");
        }

        return CheckPort(request, state, isPrivileged) ??
            (address.Unmapped is { } unmapped
                ? request.IPv6Only
                    ? Bad($"the address {request.Address} is an IPv4 address, to which a socket with IPV6_V6ONLY cannot be bound; clear that option")
                    : CheckIPv4(request, unmapped, networkNamespace, state)
                : CheckIPv6(request, address, isMulticast, networkNamespace, state));
    }

    /// <summary>Why a process may not bind a port; null if it may, or if that is unknown.</summary>
    private static BindFault? CheckPort(BindRequest request, NetworkState state, bool? isPrivileged)
    {
        if (request.Port == 0 || request.Port >= state.UnprivilegedStart || isPrivileged != false || BindClaim.ClassOf(request.Protocol) == ProtocolClass.None)
        {
            return null;
        }

        return new BindFault(BindCause.PrivilegedPort, Errno.EACCES, ExplainPrivilege(state));
    }

    /// <summary>What a port below the namespace's threshold requires.</summary>
    public static string ExplainPrivilege(NetworkState state)
    {
        string owner = state.Owners is [var first, ..] && first.Inode != Namespaces.InodeOf("/proc/self/ns/user")
            ? string.Create(CultureInfo.InvariantCulture, $" in the user namespace {first.Inode}") : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"ports below {state.UnprivilegedStart} require CAP_NET_BIND_SERVICE{owner}, which the process does not have; grant it (AmbientCapabilities= in a unit, or setcap), choose a port from {state.UnprivilegedStart} on, or lower net.ipv4.ip_unprivileged_port_start");
    }

    private static BindFault? CheckIPv4(BindRequest request, AddressValue address, uint networkNamespace, NetworkState state)
    {
        byte first = (byte)(address.Bits >> 120);
        bool isAnyBroadcastOrMulticast = address.Bits == 0 || address.Bits >> 96 == uint.MaxValue || first is >= 224 and < 240;
        return isAnyBroadcastOrMulticast || state.BindsNonlocal4 || state.HasIPv4(address)
            ? null
            : NotLocal(request.Address, networkNamespace, s => s.HasIPv4(address), "net.ipv4.ip_nonlocal_bind or IP_FREEBIND");
    }

    private static BindFault? CheckIPv6(BindRequest request, AddressValue address, bool isMulticast, uint networkNamespace, NetworkState state)
    {
        uint index = request.InterfaceIndex;
        if (request.Address.IsIPv6LinkLocal)
        {
            index = index != 0 ? index : (uint)request.Address.ScopeId;
            if (index == 0)
            {
                string[] names = [.. state.FindIPv6(address).Select(a => a.InterfaceName).Distinct()];
                string hint = names.Length > 0 ? $"{TextOf(request.Address)}%{names[0]}" : $"{TextOf(request.Address)}%INTERFACE";
                return Bad($"the address {request.Address} is a link-local address, which needs an interface; write {hint}");
            }
        }

        if (address.Bits == 0 || isMulticast || state.BindsNonlocal6)
        {
            return null;
        }

        InterfaceAddress[] found = [.. state.FindIPv6(address)];
        if (found.Length == 0)
        {
            return NotLocal(request.Address, networkNamespace, s => s.FindIPv6(address).Any(), "net.ipv6.ip_nonlocal_bind or IPV6_FREEBIND");
        }

        InterfaceAddress[] here = [.. found.Where(a => index == 0 || !a.IsScoped || a.InterfaceIndex == index)];
        return here.Length == 0 ? new BindFault(
                BindCause.WrongInterface,
                Errno.EADDRNOTAVAIL,
                string.Create(CultureInfo.InvariantCulture, $"the address {TextOf(request.Address)} belongs to interface {found[0].InterfaceName}, not to interface {index}; use {found[0].InterfaceName} instead"))
            : here.Any(a => a.IsUsable) ? null
            : new BindFault(
                BindCause.AddressTentative,
                Errno.EADDRNOTAVAIL,
                $"the address {TextOf(request.Address)} on {here[0].InterfaceName} has not passed duplicate address detection; wait a few seconds, see 'ip -6 address show tentative', or set IPV6_FREEBIND");
    }

    private static BindFault NotLocal(IPAddress address, uint networkNamespace, Func<NetworkState, bool> has, string otherwise)
    {
        foreach ((uint inode, string path) in NetworkNamespaces.Paths())
        {
            if (inode != networkNamespace && NetworkState.ReadAt(inode, path) is { } state && has(state))
            {
                return new BindFault(
                    BindCause.AddressInOtherNamespace,
                    Errno.EADDRNOTAVAIL,
                    string.Create(CultureInfo.InvariantCulture, $"the address {TextOf(address)} belongs to another network namespace, {inode} ({NameOf(path)}); start the program there, or bind an address of its own namespace"));
            }
        }

        return new BindFault(
            BindCause.AddressNotLocal,
            Errno.EADDRNOTAVAIL,
            $"no interface has the address {TextOf(address)}; bind an address that 'ip address' shows, wait until this one is configured, or allow it with {otherwise}");
    }

    /// <summary>The name of ip-netns(8), or a process that is there.</summary>
    private static string NameOf(string path)
    {
        if (path.Split('/') is ["", "proc", var process, ..] && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
        {
            return string.Create(CultureInfo.InvariantCulture, $"that of {Processes.CommOf(id)}, pid {id}");
        }

        return DisplayText.Escape(Path.GetFileName(path));
    }

    private static BindFault Bad(string explanation) => new(BindCause.BadAddress, Errno.EINVAL, explanation);

    private static string TextOf(IPAddress address) =>
        address.ScopeId() != 0 ? new IPAddress(address.GetAddressBytes()).ToString() : address.ToString();

    private static long ScopeId(this IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? address.ScopeId : 0;
}

using System.Net.Sockets;
using BindSnoop.Abi;

namespace BindSnoop.Diagnosis;

/// <summary>
/// The kernel's rules for which sockets keep another from being bound: inet_csk_bind_conflict(), udp_lib_lport_inuse(),
/// sctp_get_port_local(), ping_get_port(), inet_rcv_saddr_equal(). A conflict by them may still be let through by one of the
/// kernel's shortcuts, never the reverse.
/// </summary>
internal static class ConflictRules
{
    // f87b1ac06c88, "sctp: check sk_bound_dev_if when matching ep in get_port".
    private static readonly Version s_sctpLooksAtInterfaces = new(6, 2);

    /// <summary>Whether a holder prevents a bind; null if that cannot be decided.</summary>
    public static bool? Conflicts(in BindClaim claim, BindSocket holder)
    {
        if (claim.ProtocolClass == ProtocolClass.None || holder.SocketType == "RAW" || claim.Port != holder.Port ||
            claim.NetworkNamespace != holder.NetworkNamespace || BindClaim.PortsOf(claim.ProtocolNumber) != BindClaim.PortsOf(holder.ProtocolNumber))
        {
            return false;
        }

        bool? overlap = And(MeetsOnInterface(claim, holder), Overlaps(claim, holder));
        return overlap == false ? false : And(overlap, Not(Shares(claim, holder)));
    }

    /// <summary>Whether both have agreed to share.</summary>
    public static bool? Shares(in BindClaim claim, BindSocket holder) =>
        Or(SharesAddress(claim, holder), And(SharesPort(claim, holder), MaySharePort(claim, holder)));

    /// <summary>Whether both have set SO_REUSEPORT, whatever their users.</summary>
    public static bool? SharesPort(in BindClaim claim, BindSocket holder) =>
        claim.ReusePort ? Has(holder, BindOptions.ReusePort) : false;

    private static bool? SharesAddress(in BindClaim claim, BindSocket holder) =>
        claim.ReuseAddress && (claim.ProtocolClass == ProtocolClass.Datagram || holder.Sample.State != TcpStates.Listen)
            ? Has(holder, BindOptions.ReuseAddress)
            : false;

    private static bool? MaySharePort(in BindClaim claim, BindSocket holder) =>
        claim.ProtocolClass == ProtocolClass.Stream && holder.HeldBy == nameof(HeldBy.TimeWait) ? true
        : claim.Uid is { } user && holder.Uid is { } other ? user == other
        : null;

    private static bool? MeetsOnInterface(in BindClaim claim, BindSocket holder) =>
        claim.InterfaceIndex == 0 || (claim.ProtocolClass == ProtocolClass.Sctp && Environment.OSVersion.Version < s_sctpLooksAtInterfaces) ? true
        : holder.InterfaceIndex is { } index ? index == 0 || index == claim.InterfaceIndex
        : null;

    private static bool? Has(BindSocket holder, BindOptions option) => holder.Options is { } options ? options.HasFlag(option) : null;

    private static bool? Overlaps(in BindClaim claim, BindSocket holder)
    {
        bool? result = null;
        foreach (bool claimOnly in Values(claim.IPv6Only))
        {
            foreach (bool holderOnly in Values(holder.Sample.AddressFamily == (ushort)IPFamily.IPv4 ? false : holder.IPv6Only))
            {
                Side one = new(claim.Address, claimOnly);
                Side other = new(holder.AddressValue, holderOnly);
                bool overlap = claim.ProtocolClass == ProtocolClass.Sctp ? OverlapsSctp(one, other) : Overlaps(one, other);
                if (result is { } before && before != overlap)
                {
                    return null;
                }

                result = overlap;
            }
        }

        return result;
    }

    /// <summary>inet_rcv_saddr_equal() of the kernel, which the one that binds asks.</summary>
    private static bool Overlaps(in Side binder, in Side holder)
    {
        if (binder.IsIPv4)
        {
            // A mapped address asks as IPv6 and means IPv4.
            return holder.IsIPv4 ? !holder.IsOnly && (binder.IPv4 == holder.IPv4 || binder.IPv4 == 0 || holder.IPv4 == 0)
                : holder.IsAny ? !holder.IsOnly
                : false;
        }

        if (binder.IsAny)
        {
            return !holder.IsIPv4 || !binder.IsOnly;
        }

        // One IPv6 address, which no IPv4 socket is in the way of.
        return !holder.IsIPv4 && (holder.IsAny || binder.Address == holder.Address);
    }

    /// <summary>sctp_bind_addr_conflict(): sctp_v4_cmp_addr(), sctp_v6_cmp_addr() and what they ask of the socket.</summary>
    private static bool OverlapsSctp(in Side binder, in Side holder)
    {
        bool isOnly = holder.IsIPv6Socket ? holder.IsOnly : binder.IsOnly;
        bool hasIPv6Socket = holder.IsIPv6Socket || binder.IsIPv6Socket;
        if (hasIPv6Socket && isOnly && binder.IsIPv4 != holder.IsIPv4)
        {
            return false;
        }

        bool isAny = binder.IsIPv4 ? binder.IPv4 == 0 : binder.IsAny;
        bool isOtherAny = holder.IsIPv4 ? holder.IPv4 == 0 : holder.IsAny;
        return isAny || isOtherAny ? hasIPv6Socket || binder.IsIPv4 == holder.IsIPv4
            : binder.IsIPv4 == holder.IsIPv4 && (binder.IsIPv4 ? binder.IPv4 == holder.IPv4 : binder.Address == holder.Address);
    }

    private static bool[] Values(bool? known) => known is { } value ? [value] : [false, true];

    private static bool? Not(bool? value) => !value;

    private static bool? And(bool? a, bool? b) => a & b;

    private static bool? Or(bool? a, bool? b) => a | b;

    /// <summary>A socket's address and whether it leaves IPv4 alone.</summary>
    private readonly record struct Side(AddressValue Address, bool IsOnly)
    {
        public bool IsIPv6Socket => Address.Family == AddressFamily.InterNetworkV6;

        public bool IsIPv4 => !IsIPv6Socket || Address.Unmapped is not null;

        /// <summary>The unspecified address of IPv6.</summary>
        public bool IsAny => IsIPv6Socket && Address.Bits == 0;

        public UInt128 IPv4 => Address.Unmapped?.Bits ?? Address.Bits;
    }
}

using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Diagnosis;

/// <summary>What the sockets of a snapshot mean for a bind.</summary>
/// <param name="Available">Whether none is in the way; null if that is not known.</param>
internal sealed record PortVerdict(bool? Available, string Cause, string Explanation, IReadOnlyList<BindSocket> Holders);

/// <summary>Looks for the sockets that are in the way of a bind.</summary>
internal static class PortSearch
{
    // In this order they are named, of several that are in the way.
    private static readonly string[] s_causes =
        [BindCause.Listening, BindCause.KernelSocket, BindCause.ReusePortOtherUser, BindCause.Bound, BindCause.Connection, BindCause.TimeWait];

    /// <summary>For a port that was requested.</summary>
    public static PortVerdict OfPort(BindClaim claim, IEnumerable<BindSocket> sockets)
    {
        List<BindSocket> certain = [];
        List<BindSocket> possible = [];
        foreach (BindSocket socket in sockets)
        {
            bool? conflict = ConflictRules.Conflicts(claim, socket);
            if (conflict != false)
            {
                (conflict == true ? certain : possible).Add(socket);
            }
        }

        if (certain.Count > 0)
        {
            BindSocket[] holders = [.. certain.OrderBy(h => Array.IndexOf(s_causes, CauseOf(claim, h)))];
            string cause = CauseOf(claim, holders[0]);
            return new PortVerdict(false, cause, HolderText.Explain(claim, cause, holders), holders);
        }

        return possible.Count > 0
            ? new PortVerdict(
                null,
                BindCause.Unknown,
                $"{HolderText.Describe(possible[0])}; whether both may share the port is unknown{(possible[0].Options is null ? " without CAP_BPF and CAP_PERFMON" : "")}",
                possible)
            : new PortVerdict(true, BindCause.None, "", []);
    }

    /// <summary>For port 0: whether the kernel finds one.</summary>
    public static PortVerdict OfAnyPort(BindClaim claim, NetworkState state, IReadOnlyList<BindSocket> sockets)
    {
        // inet_csk_find_open_port() lets no options count, except for SO_REUSEADDR with ip_autobind_reuse; UDP's search does.
        if (claim.ProtocolClass != ProtocolClass.Datagram)
        {
            claim = claim with { ReuseAddress = claim.ReuseAddress && state.AutobindReuses, ReusePort = false };
        }

        ILookup<int, BindSocket> byPort = sockets.ToLookup(s => s.Port);
        List<BindSocket> holders = [];
        int tried = 0;
        for (int port = state.LocalPorts.First; port <= state.LocalPorts.Last; port++)
        {
            if (state.IsReserved(port))
            {
                continue;
            }

            tried++;
            BindClaim one = claim with { Port = port };
            BindSocket? holder = byPort[port].FirstOrDefault(s => ConflictRules.Conflicts(one, s) != false);
            if (holder is null)
            {
                return new PortVerdict(true, BindCause.None, "", []);
            }

            holders.Add(holder);
        }

        if (tried == 0)
        {
            return new PortVerdict(
                false, BindCause.NoFreePort, $"net.ipv4.ip_local_reserved_ports takes all ports of net.ipv4.ip_local_port_range ({state.LocalPorts}); widen the range", []);
        }

        var most = holders.GroupBy(h => h.ProcessId is { } id ? string.Create(CultureInfo.InvariantCulture, $"{h.Comm} (pid {id})") : h.State)
            .Select(g => (Who: g.Key, Count: g.Count())).MaxBy(g => g.Count);
        return new PortVerdict(
            false,
            BindCause.NoFreePort,
            string.Create(
                CultureInfo.InvariantCulture,
                $"all {tried} ports that net.ipv4.ip_local_port_range ({state.LocalPorts}) leaves to the kernel are taken on this address, most of them ({most.Count}) by {most.Who}; close some, or widen the range"),
            holders);
    }

    /// <summary>The cause that a holder is.</summary>
    public static string CauseOf(in BindClaim claim, BindSocket holder) =>
        holder.HeldBy == nameof(HeldBy.Kernel) ? BindCause.KernelSocket
        : ConflictRules.SharesPort(claim, holder) == true ? BindCause.ReusePortOtherUser
        : holder.HeldBy == nameof(HeldBy.TimeWait) ? BindCause.TimeWait
        : holder.State switch
        {
            "Listen" => BindCause.Listening,
            "Bound" or "Unconnected" => BindCause.Bound,
            "TimeWait" => BindCause.TimeWait,
            _ when holder.SocketType == "DGRAM" => BindCause.Bound,
            _ => BindCause.Connection,
        };
}

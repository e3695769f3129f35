using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop.Diagnosis;

/// <summary>Sentences about the sockets that are in the way of a bind.</summary>
internal static class HolderText
{
    /// <summary>Who is in the way, and what would help, in one sentence without its full stop.</summary>
    public static string Explain(in BindClaim claim, string cause, IReadOnlyList<BindSocket> holders)
    {
        string more = holders.Count == 1 ? "" : holders.Count == 2 ? ", and one more socket is in the way"
            : string.Create(CultureInfo.InvariantCulture, $", and {holders.Count - 1} more sockets are in the way");
        return $"{Describe(holders[0])}{more}; {Advise(claim, cause, holders)}";
    }

    /// <summary>Makes a sentence of an explanation; the name of a process that it begins with stays as it is.</summary>
    public static string Sentence(string text, IReadOnlyList<BindSocket> holders) =>
        text.Length == 0 ? "" : holders is [{ ProcessId: not null }, ..] ? $"{text}." : $"{char.ToUpperInvariant(text[0])}{text[1..]}.";

    /// <summary>Describes who holds a socket and what it does.</summary>
    public static string Describe(BindSocket socket)
    {
        string to = socket.RemoteEndpoint is { } remote ? $" to {remote}" : "";
        return socket.HeldBy switch
        {
            nameof(HeldBy.Process) => $"{Owners(socket)} {Does(socket)}",
            nameof(HeldBy.Kernel) => $"the kernel itself, for example for a tunnel, {Does(socket)}",
            nameof(HeldBy.AcceptQueue) => $"a connection{to} that its server has not accepted yet keeps {socket.Endpoint}",
            nameof(HeldBy.Orphan) => $"a closed connection{to}, which no process holds any more, keeps {socket.Endpoint} ({socket.State})",
            nameof(HeldBy.TimeWait) => $"a closed connection{to} in TIME_WAIT, which no process holds any more, keeps {socket.Endpoint}",
            BindSocket.InFlight => $"a socket whose descriptor is in transit between processes, or registered with io_uring, {Does(socket)}",
            _ => $"a process that could not be seen {Does(socket)}",
        };
    }

    private static string Does(BindSocket socket) => socket.State switch
    {
        "Listen" => $"listens on {socket.Protocol} {socket.Endpoint}",
        "Bound" => $"has bound {socket.Protocol} {socket.Endpoint} and does not listen",
        "Unconnected" => $"has bound {socket.Protocol} {socket.Endpoint}",
        _ => $"has a {socket.Protocol} connection from {socket.Endpoint}{(socket.RemoteEndpoint is { } remote ? $" to {remote}" : "")} ({socket.State})",
    };

    private static string Owners(BindSocket socket)
    {
        SocketOwner first = socket.Owners[0];
        int others = socket.Owners.Select(o => o.ProcessId).Distinct().Count() - 1;
        string[] facts =
        [
            string.Create(CultureInfo.InvariantCulture, $"pid {first.ProcessId}"),
            .. Belongs(first, socket) is { } place ? [place] : Array.Empty<string>(),
            .. socket.PublishedFor is { Length: > 0 } container ? [$"for container {container}"]
                : socket.UserPublishedFor is { Length: > 0 } id ? [$"for container {Short(id)}"]
                : Array.Empty<string>(),
            .. first.StartTime is { } start ? [string.Create(CultureInfo.InvariantCulture, $"started {start:yyyy-MM-dd HH:mm:ss}")] : Array.Empty<string>(),
        ];
        string more = others == 0 ? "" : others == 1 ? ", with another process," : string.Create(CultureInfo.InvariantCulture, $", with {others} other processes,");
        return $"{first.Comm} ({string.Join(", ", facts)}){more}";
    }

    private static string? Belongs(SocketOwner owner, BindSocket socket) =>
        UnitOf(socket) is not { } unit ? Place(owner)
        : IsSystemd(owner) ? $"for {unit}{((socket.SocketUser is null ? socket.ActivatedUnit : socket.UserActivatedUnit) is { Length: > 0 } service ? $", which starts {service}" : "")}"
        : $"{(Place(owner) is { } place ? $"{place}, " : "")}by {unit}";

    private static string? UnitOf(BindSocket socket) =>
        socket.SocketUnit is { Length: > 0 } unit ? unit
        : socket.UserSocketUnit is { Length: > 0 } own ? $"{own} of {Users.NameOf(socket.SocketUser!.Value)}"
        : null;

    private static bool IsSystemd(SocketOwner owner) => SocketUnits.IsManager(CgroupOwner.Of(owner.CgroupPath));

    private static string? Place(SocketOwner owner) =>
        owner.PodName is { Length: > 0 } pod ? $"container {owner.ContainerName} of pod {owner.PodNamespace}/{pod}"
        : owner.ContainerName is { Length: > 0 } name ? $"container {name}"
        : owner.ContainerId is { Length: > 0 } container ? $"container {Short(container)}"
        : owner.UserContainerId is { Length: > 0 } own ? $"container {Short(own)}"
        : owner.UserUnit is { Length: > 0 } userUnit ? userUnit
        : owner.Unit is { Length: > 0 } unit ? unit
        : null;

    private static string Short(string container) => container.Length > 12 ? container[..12] : container;

    /// <summary>What would help against all of the holders, and not against some of them alone.</summary>
    private static string Advise(in BindClaim claim, string cause, IReadOnlyList<BindSocket> holders)
    {
        List<string> ways = [];
        if (!claim.ReuseAddress && IsFree(claim with { ReuseAddress = true }, holders))
        {
            ways.Add("set SO_REUSEADDR on the new socket before bind()");
        }

        if (!claim.ReusePort && IsFree(claim with { ReusePort = true }, holders))
        {
            ways.Add("set SO_REUSEPORT on the new socket before bind()");
        }

        if (claim is { IPv6Only: false, Address.Family: System.Net.Sockets.AddressFamily.InterNetworkV6, Address.Unmapped: null } &&
            IsFree(claim with { IPv6Only = true }, holders))
        {
            ways.Add("set IPV6_V6ONLY to leave IPv4 to it");
        }

        ways.Add(cause switch
        {
            BindCause.ReusePortOtherUser => $"run both as the same user: SO_REUSEPORT does not share a port with sockets that {holders[0].UserName} created",
            BindCause.TimeWait => "wait until it ends, 60 seconds after the connection closed",
            BindCause.KernelSocket => "remove the interface that it belongs to",
            _ when holders[0].HeldBy == nameof(HeldBy.Orphan) => "wait until it ends",
            _ when holders[0].HeldBy == nameof(HeldBy.AcceptQueue) => "stop the server that has to accept it",
            _ when cause == BindCause.Connection => "wait until it is closed, or stop the process",
            _ => holders.Count == 1 ? Stop(holders[0]) : "stop them",
        });
        return $"{string.Join(", ", ways)}, or choose another port{Hint(claim, holders)}";
    }

    /// <summary>What to stop: systemd itself continues.</summary>
    private static string Stop(BindSocket socket)
    {
        string[] services = [.. socket.Owners.Where(o => !IsSystemd(o)).Select(o => o.Unit is { Length: > 0 } unit ? unit : $"pid {o.ProcessId}").Distinct()];
        return UnitOf(socket) is { } made ? $"stop {string.Join(" and ", [made, .. services])}"
            : !socket.Owners.Any(IsSystemd) ? "stop it"
            : socket.SocketUser is { } uid ? $"stop its .socket unit, which 'systemctl --user list-sockets' shows to {Users.NameOf(uid)}"
            : socket.SocketUnit is null ? "stop its .socket unit, which 'systemctl list-sockets' shows"
            : "stop it";
    }

    /// <summary>Why options that were set do not help.</summary>
    private static string Hint(in BindClaim claim, IReadOnlyList<BindSocket> holders) =>
        claim.ReusePort && holders.All(h => h.Options is { } options && !options.HasFlag(BindOptions.ReusePort)) ? " (SO_REUSEPORT must be set on both sockets)"
        : claim.ReuseAddress && claim.ProtocolClass != ProtocolClass.Datagram && holders.All(h => h.State == "Listen") ? " (SO_REUSEADDR does not help against a socket that listens)"
        : claim.ReuseAddress && holders.All(h => h.Options is { } options && !options.HasFlag(BindOptions.ReuseAddress)) ? " (SO_REUSEADDR must be set on both sockets)"
        : "";

    private static bool IsFree(BindClaim claim, IReadOnlyList<BindSocket> holders) => holders.All(h => ConflictRules.Conflicts(claim, h) == false);
}

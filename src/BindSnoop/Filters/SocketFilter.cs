namespace BindSnoop;

/// <summary>
/// Which sockets of a snapshot are wanted. An empty filter lets all through, filters combine with AND, the values
/// within one with OR. A socket that several processes hold is wanted if one of them is.
/// </summary>
public sealed record SocketFilter
{
    /// <summary>Ports that sockets are bound to.</summary>
    public IReadOnlyList<PortRange> Port { get; init; } = [];

    /// <summary>Processes that hold them.</summary>
    public IReadOnlyList<uint> ProcessId { get; init; } = [];

    /// <summary>Users who made them.</summary>
    public IReadOnlyList<uint> Uid { get; init; } = [];

    /// <summary>Protocol numbers.</summary>
    public IReadOnlyList<ushort> Protocol { get; init; } = [];

    /// <summary>IP versions of the socket.</summary>
    public IReadOnlyList<IPFamily> AddressFamily { get; init; } = [];

    /// <summary>Addresses bound to. An IPv4-mapped IPv6 address counts as both of what it is.</summary>
    public IReadOnlyList<AddressPrefix> Address { get; init; } = [];

    /// <summary>Names of processes, exactly, as <see cref="SocketOwner.Comm"/> shows them.</summary>
    public IReadOnlyList<string> Comm { get; init; } = [];

    /// <summary>Cgroups of version 2, by path; each takes in its whole subtree.</summary>
    public IReadOnlyList<string> Cgroup { get; init; } = [];

    /// <summary>Units of the system's systemd that holders run in, such as nginx.service, or that the socket was made for, such as ssh.socket.</summary>
    public IReadOnlyList<string> Unit { get; init; } = [];

    /// <summary>Containers that holders run in: by name (of the system's engines), or by id or at least its first 12 digits.</summary>
    public IReadOnlyList<string> Container { get; init; } = [];

    /// <summary>Network namespaces, by inode number.</summary>
    public IReadOnlyList<uint> NetworkNamespace { get; init; } = [];

    /// <summary>States, by the names that <see cref="BindSocket.State"/> has, in any case.</summary>
    public IReadOnlyList<string> State { get; init; } = [];

    /// <summary>Also what does not hold a port for itself: connections, open and closed. A state requested is shown in any case.</summary>
    public bool All { get; init; }
}

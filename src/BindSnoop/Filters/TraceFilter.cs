using BindSnoop.Names;

namespace BindSnoop;

/// <summary>IP versions of sockets.</summary>
public enum IPFamily
{
    /// <summary>AF_INET.</summary>
    IPv4 = 2,

    /// <summary>AF_INET6.</summary>
    IPv6 = 10,
}

/// <summary>
/// What is to be traced. Every filter but <see cref="Container"/> is applied in the kernel; an empty one lets all through,
/// filters combine with AND, the values within one with OR.
/// </summary>
public sealed record TraceFilter
{
    /// <summary>Ports, requested or resulting; of accepts the local port.</summary>
    public IReadOnlyList<PortRange> Port { get; init; } = [];

    /// <summary>Ports of the other end (accepts only).</summary>
    public IReadOnlyList<PortRange> RemotePort { get; init; } = [];

    /// <summary>Process ids, as this process's own /proc shows them.</summary>
    public IReadOnlyList<uint> ProcessId { get; init; } = [];

    /// <summary>Real user ids.</summary>
    public IReadOnlyList<uint> Uid { get; init; } = [];

    /// <summary>Real group ids.</summary>
    public IReadOnlyList<uint> Gid { get; init; } = [];

    /// <summary>Protocol numbers, up to 511.</summary>
    public IReadOnlyList<ushort> Protocol { get; init; } = [];

    /// <summary>IP versions of the socket.</summary>
    public IReadOnlyList<IPFamily> AddressFamily { get; init; } = [];

    /// <summary>
    /// Addresses, requested or resulting; of accepts the local one. An IPv4-mapped IPv6 address counts as
    /// both of what it is.
    /// </summary>
    public IReadOnlyList<AddressPrefix> Address { get; init; } = [];

    /// <summary>Addresses of the other end (accepts only).</summary>
    public IReadOnlyList<AddressPrefix> RemoteAddress { get; init; } = [];

    /// <summary>Names of threads (comm), exactly, up to 15 bytes; as events show them, escapes included.</summary>
    public IReadOnlyList<string> Comm { get; init; } = [];

    /// <summary>Cgroups of version 2, by path; each takes in its whole subtree. At most 64.</summary>
    public IReadOnlyList<string> Cgroup { get; init; } = [];

    /// <summary>
    /// Units of the system's systemd, such as nginx.service, that are running; each continues being traced when it is started
    /// again. Not together with <see cref="Cgroup"/>, and at most 64.
    /// </summary>
    public IReadOnlyList<string> Unit { get; init; } = [];

    /// <summary>
    /// Containers, running or not: by name (of the system's engines), or by id or at least its first 12 digits. The only
    /// filter that is not applied in the kernel, so counts do not have it; containers that are started again, or anew by
    /// the same name, go on being traced.
    /// </summary>
    public IReadOnlyList<string> Container { get; init; } = [];

    /// <summary>Network namespaces of the socket, by inode number; of a call that names no socket the caller's.</summary>
    public IReadOnlyList<uint> NetworkNamespace { get; init; } = [];

    /// <summary>Path of a pinned hash map of cgroup ids (key u64, value u64); it may change while tracing.</summary>
    public string? CgroupMap { get; init; }

    /// <summary>Path of a pinned hash map of mount namespace inodes (key u64, value u32); it may change while tracing.</summary>
    public string? MountNamespaceMap { get; init; }

    /// <summary>
    /// Only binds that name a port, or have none to name (raw sockets): not those to port 0, whose port the kernel
    /// chooses (binds only).
    /// </summary>
    public bool RequestedOnly { get; init; }

    /// <summary>Failed calls too.</summary>
    public bool IncludeError { get; init; }

    /// <summary>Together with <see cref="IncludeError"/>: accepts that only would have blocked (EAGAIN), too.</summary>
    public bool IncludeWouldBlock { get; init; }

    /// <summary>The filters that are set, in words; "everything" if none is.</summary>
    public override string ToString()
    {
        (string Name, string Values)[] all =
        [
            (nameof(Port), string.Join(',', Port)),
            (nameof(RemotePort), string.Join(',', RemotePort)),
            (nameof(ProcessId), string.Join(',', ProcessId)),
            (nameof(Uid), string.Join(',', Uid)),
            (nameof(Gid), string.Join(',', Gid)),
            (nameof(Protocol), string.Join(',', Protocol.Select(Protocols.NameOf))),
            (nameof(AddressFamily), string.Join(',', AddressFamily)),
            (nameof(Address), string.Join(',', Address)),
            (nameof(RemoteAddress), string.Join(',', RemoteAddress)),
            (nameof(Comm), string.Join(',', Comm.Select(DisplayText.Escape))),
            (nameof(Cgroup), string.Join(',', Cgroup.Select(DisplayText.Escape))),
            (nameof(Unit), string.Join(',', Unit.Select(DisplayText.Escape))),
            (nameof(Container), string.Join(',', Container.Select(DisplayText.Escape))),
            (nameof(NetworkNamespace), string.Join(',', NetworkNamespace)),
            (nameof(CgroupMap), DisplayText.Escape(CgroupMap ?? "")),
            (nameof(MountNamespaceMap), DisplayText.Escape(MountNamespaceMap ?? "")),
            (nameof(RequestedOnly), RequestedOnly ? "yes" : ""),
            (nameof(IncludeError), IncludeError ? "yes" : ""),
            (nameof(IncludeWouldBlock), IncludeWouldBlock ? "yes" : ""),
        ];
        string text = string.Join("; ", all.Where(f => f.Values.Length > 0).Select(f => $"{f.Name} {f.Values}"));
        return text.Length > 0 ? text : "everything";
    }
}

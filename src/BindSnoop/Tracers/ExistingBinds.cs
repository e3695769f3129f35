using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>
/// What was bound already when a trace began, as events. It is taken once every hook is in place, so that nothing is
/// missed between the two; a bind that both have seen is reported as existing.
/// </summary>
internal sealed class ExistingBinds
{
    private readonly HashSet<long> _inodes = [];
    private readonly long _begin = KernelClock.Now;
    private readonly long _end;

    /// <exception cref="TraceException"><c>ExistingNotFilterable</c>: a filter is on what sockets do not have.</exception>
    public ExistingBinds(TraceFilter filter, Backend backend)
    {
        EnsureFilterable(filter);
        SocketSnapshot snapshot = SocketSnapshot.Take(new SocketFilter
        {
            Port = filter.Port,
            ProcessId = filter.ProcessId,
            Uid = filter.Uid,
            Protocol = filter.Protocol,
            AddressFamily = filter.AddressFamily,
            Address = filter.Address,
            Comm = filter.Comm,
            Cgroup = filter.Cgroup,
            Unit = filter.Unit,
            Container = filter.Container,
            NetworkNamespace = filter.NetworkNamespace,
        });
        _end = KernelClock.Now;
        Unseen = snapshot.Unseen;
        KernelClock clock = default;
        clock.Synchronize();
        long ticks = clock.ToUtcTicks((ulong)_begin);
        Events = [.. snapshot.Sockets.Select(s => ToEvent(s, new EventContext(ticks, backend, s.CgroupPath, s.InterfaceName, ContainerOf(s), s.SocketUnit, s.SocketUser)))];
        _inodes.UnionWith(snapshot.Sockets.Select(s => s.Inode));
    }

    /// <summary>In the order of the snapshot; all of the moment when it was begun.</summary>
    public IReadOnlyList<BindEvent> Events { get; }

    /// <summary>What could not be seen.</summary>
    public IReadOnlyList<string> Unseen { get; }

    /// <summary>Fails where a filter asks for what is known of a call and not of a socket.</summary>
    public static void EnsureFilterable(TraceFilter filter)
    {
        if (filter.Gid.Count > 0 || filter.RequestedOnly || filter.CgroupMap is not null || filter.MountNamespaceMap is not null)
        {
            throw new TraceException(
                "ExistingNotFilterable",
                TraceErrorKind.InvalidArgument,
                "Existing sockets cannot be filtered by group, by whether their port was requested, or by a map of cgroups or mount namespaces.",
                "Leave out that filter or the existing sockets; a filter by cgroup path works.");
        }
    }

    /// <summary>Whether an event's socket is among those that already existed.</summary>
    public bool Has(BindEvent next) => next.ErrorCode == 0 && next.KernelTime <= _end && next.Inode != 0 && _inodes.Contains(next.Inode);

    private static ContainerFacts? ContainerOf(BindSocket socket) => socket.Owners.Count > 0 ? socket.Owners[0].Container : null;

    private BindEvent ToEvent(BindSocket socket, in EventContext context)
    {
        ref readonly SocketSample from = ref socket.Sample;
        uint processId = (uint)(socket.ProcessId ?? 0);
        BindSample sample = new()
        {
            Origin = new()
            {
                Time = (ulong)_begin,
                ProcessId = processId,
                ThreadId = processId,
                Uid = socket.Uid ?? uint.MaxValue,
                Gid = uint.MaxValue,
                NetworkNamespace = socket.NetworkNamespace,
                Inode = from.Inode,
                SocketCgroupId = from.SocketCgroupId,
            },
            Requested = new() { Family = BindEvent.NoAddress },
            Address = from.Address,
            InterfaceIndex = from.InterfaceIndex,
            AddressFamily = from.AddressFamily,
            Port = from.Port,
            ProtocolNumber = from.ProtocolNumber,
            SocketType = from.SocketType,
            Options = (byte)(socket.Options ?? BindOptions.None),
            Ipv6Only = from.Ipv6Only,
        };
        ReadOnlySpan<byte> comm = socket.Owners.Count > 0 ? DisplayText.Unescape(socket.Comm) : [];
        comm[..Math.Min(comm.Length, 15)].CopyTo(sample.Origin.Comm);
        return new BindEvent(sample, context, existing: true);
    }
}

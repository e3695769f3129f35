using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Sockets;

/// <summary>A <see cref="SocketFilter"/>, checked and ready to be asked.</summary>
internal sealed class SocketSelection
{
    /// <summary>The states a socket can be in that holds a port for itself.</summary>
    public static readonly IReadOnlyList<string> HolderStates = ["Listen", "Bound", "Unconnected"];

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<string> States =
    [
        .. HolderStates, "Established", "SynSent", "SynReceived", "FinWait1", "FinWait2", "TimeWait", "CloseWait", "LastAck", "Closing",
    ];

    private readonly SocketFilter _filter;
    private readonly HashSet<string> _states;
    private readonly HashSet<string> _comms;
    private readonly string[] _cgroups;

    /// <exception cref="TraceException"><c>InvalidSocketState</c>, <c>InvalidComm</c>, <c>CgroupNotFound</c>.</exception>
    public SocketSelection(SocketFilter filter)
    {
        _filter = filter;
        _states = new(filter.State.Count > 0 ? filter.State.Select(StateOf) : filter.All ? States : HolderStates, StringComparer.Ordinal);
        _comms = [.. filter.Comm.Select(c => DisplayText.Escape(ThreadName.Parse(c)))];
        _cgroups = [.. filter.Cgroup.Select(PathOf)];
    }

    /// <summary>The requested ports; none for all.</summary>
    public IReadOnlyList<PortRange> Ports => _filter.Port;

    /// <summary>Whether connections are requested, too.</summary>
    public bool Connections => _states.Except(HolderStates).Any();

    /// <summary>Whether it may be wanted, before it is known who holds it.</summary>
    public bool MayWant(in SocketSample sample) =>
        (_filter.Protocol.Count == 0 || _filter.Protocol.Contains(sample.ProtocolNumber)) &&
        (_filter.AddressFamily.Count == 0 || _filter.AddressFamily.Contains((IPFamily)sample.AddressFamily)) &&
        (_filter.NetworkNamespace.Count == 0 || _filter.NetworkNamespace.Contains(sample.NetworkNamespace));

    public bool Wants(BindSocket socket) =>
        MayWant(socket.Sample) &&
        _states.Contains(socket.State) &&
        (_filter.Port.Count == 0 || _filter.Port.Any(p => p.Contains(socket.Port))) &&
        (_filter.Uid.Count == 0 || (socket.Uid is { } uid && _filter.Uid.Contains(uid))) &&
        (_filter.Address.Count == 0 || WantsAddress(socket.AddressValue)) &&
        (_filter.ProcessId.Count == 0 || socket.Owners.Any(o => _filter.ProcessId.Contains((uint)o.ProcessId))) &&
        (_comms.Count == 0 || socket.Owners.Any(o => _comms.Contains(o.Comm))) &&
        (_filter.Unit.Count == 0 || Units.Contain(_filter.Unit, socket.SocketUnit) || socket.Owners.Any(o => Units.Contain(_filter.Unit, o.Unit))) &&
        (_filter.Container.Count == 0 || socket.Owners.Any(o => Containers.AreOf(_filter.Container, o.CgroupPath) == true)) &&
        (_cgroups.Length == 0 || socket.Owners.Any(o => _cgroups.Any(c => IsWithin(o.CgroupPath, c))));

    private bool WantsAddress(AddressValue address) =>
        _filter.Address.Any(p => p.Contains(address) || (address.Unmapped is { } unmapped && p.Contains(unmapped)));

    /// <summary>Reads the name of a state, in any case.</summary>
    /// <exception cref="TraceException"><c>InvalidSocketState</c>.</exception>
    public static string StateOf(string name) =>
        States.FirstOrDefault(s => s.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? throw new TraceException(
            "InvalidSocketState",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(name)}' is not a socket state.",
            $"Give {string.Join(", ", States.SkipLast(1))} or {States[^1]}.",
            name);

    private static string PathOf(string cgroup)
    {
        using FileDescriptor directory = Cgroups.Open(cgroup);
        return Cgroups.PathOf(Libc.InodeOf(directory));
    }

    private static bool IsWithin(string path, string cgroup) =>
        path.Length > 0 && (cgroup == "/" || path == cgroup || (path.StartsWith(cgroup, StringComparison.Ordinal) && path[cgroup.Length] == '/'));
}

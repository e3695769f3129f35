using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>A bound socket as it was when a snapshot was taken.</summary>
public sealed class BindSocket
{
    internal const string InFlight = "InFlight";
    internal const string HeldByUnknown = "Unknown";
    internal const string FromNetlink = "Netlink";

    private const ushort L2tp = 115;

    private readonly SocketSample _sample;
    private readonly SocketFacts _known;
    private readonly long _made = KernelClock.Now;

    internal BindSocket(
        in SocketSample sample, SocketFacts known, string heldBy, IReadOnlyList<SocketOwner> owners, string interfaceName, DateTime time, string source)
    {
        _sample = sample;
        _known = known;
        HeldBy = heldBy;
        Owners = owners;
        Time = time;
        Source = source;
        InterfaceName = interfaceName;
        string made = sample.SocketCgroupId == 0 ? "" : Cgroups.PathOf(sample.SocketCgroupId);
        SocketUnit = SocketUnits.Of(made);
        SocketUser = SocketUnits.UserOfManager(made);
    }

    /// <summary>When the snapshot was taken, in local time.</summary>
    public DateTime Time { get; }

    /// <inheritdoc cref="TraceEvent.Timestamp"/>
    public string Timestamp => TraceEvent.TimestampOf(Time);

    /// <summary>The first of <see cref="Owners"/>: of those that hold the socket, the process that has run longest. Null if none is known.</summary>
    public int? ProcessId => Owners.Count > 0 ? Owners[0].ProcessId : null;

    /// <summary>Its name; empty if no process is known.</summary>
    public string Comm => Owners.Count > 0 ? Owners[0].Comm : "";

    /// <summary>
    /// What keeps the socket: Process; Kernel (a socket of the kernel's own, such as a tunnel's); InFlight (its descriptor
    /// is on the way between processes, or registered with io_uring); AcceptQueue (a connection nobody has accepted
    /// yet); Orphan (a closed connection that has something left to send or to hear); TimeWait; or Unknown: a process that
    /// could not be seen.
    /// </summary>
    public string HeldBy { get; }

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf(_sample.ProtocolNumber);

    /// <summary>The protocol's number; 262 is MPTCP.</summary>
    public int ProtocolNumber => _sample.ProtocolNumber;

    /// <summary>STREAM, DGRAM, RAW and so on.</summary>
    public string SocketType => SocketTypes.NameOf(_sample.SocketType);

    /// <summary>IPv4 or IPv6: the socket's family.</summary>
    public string AddressFamily => TraceEvent.FamilyName(_sample.AddressFamily);

    /// <summary>The address bound to. A link-local IPv6 address has its scope (interface index) behind a percent sign.</summary>
    public string Address => TraceEvent.AddressText(_sample.Address, _sample.AddressFamily, _sample.InterfaceIndex);

    /// <summary>The port; 0 of raw sockets, and of those that get one only when they connect (IP_BIND_ADDRESS_NO_PORT).</summary>
    public int Port => _sample.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>
    /// As .NET's TcpState where there is one: Listen, Established, TimeWait and so on; Bound: not listening, not
    /// connected; Unconnected: the same of sockets for datagrams.
    /// </summary>
    public string State => StateName(_sample.State, _sample.SocketType, _sample.ProtocolNumber);

    /// <summary>The address of the other end; null if not connected.</summary>
    public string? RemoteAddress =>
        HasRemote ? TraceEvent.AddressText(_sample.RemoteAddress, _sample.AddressFamily, _sample.InterfaceIndex) : null;

    /// <summary>The port of the other end; null if not connected.</summary>
    public int? RemotePort => HasRemote ? _sample.RemotePort : null;

    /// <summary><see cref="RemoteAddress"/> and <see cref="RemotePort"/> in one; null if not connected.</summary>
    public string? RemoteEndpoint => HasRemote ? TraceEvent.EndpointText(RemoteAddress, _sample.RemotePort) : null;

    /// <summary>How many connections wait to be accepted; null if the socket does not listen.</summary>
    public int? Backlog => IsListening ? (int)_sample.Backlog : null;

    /// <summary>How many may wait; null if the socket does not listen, or where this way of looking does not show it.</summary>
    public long? BacklogLimit => IsListening && _known.HasFlag(SocketFacts.BacklogLimit) ? _sample.BacklogLimit : null;

    /// <summary>The options that decide what others may bind; null if this way of looking does not show them.</summary>
    public BindOptions? Options => _known.HasFlag(SocketFacts.Options) ? (BindOptions)_sample.Options : null;

    /// <summary>The options as bindsnoop shows them: a letter of FTNRr for each that is set, a dot for one that is not, ? if not known.</summary>
    public string OptionString => Options is { } options ? BindEvent.OptionText(options) : "?????";

    /// <summary>IPV6_V6ONLY: an IPv6 socket that leaves IPv4 alone; null if this way of looking does not show it.</summary>
    public bool? IPv6Only => _known.HasFlag(SocketFacts.Ipv6Only) ? _sample.Ipv6Only != 0 : null;

    /// <summary>The interface that the socket is bound to, or 0; null if this way of looking does not show it.</summary>
    public int? InterfaceIndex => _known.HasFlag(SocketFacts.Interface) ? (int)_sample.InterfaceIndex : null;

    /// <summary>Its name in the socket's network namespace; empty if there is none or it could not be found out.</summary>
    public string InterfaceName { get; }

    /// <summary>The user who made the socket, as the host numbers it; null if the kernel no longer knows.</summary>
    public uint? Uid => _known.HasFlag(SocketFacts.Uid) ? _sample.Uid : null;

    /// <summary>The name of <see cref="Uid"/> on this machine, or the number; empty if not known.</summary>
    public string UserName => Uid is { } uid ? Users.NameOf(uid) : "";

    /// <summary>Inode number of the socket's network namespace.</summary>
    public uint NetworkNamespace => _sample.NetworkNamespace;

    /// <summary>The socket's own inode number, as /proc/PID/fd and "ss -e" show it; 0 if it has none any more, or not yet.</summary>
    public long Inode => (long)_sample.Inode;

    /// <summary>When the process of <see cref="ProcessId"/> started, in local time.</summary>
    public DateTime? ProcessStartTime => Owners.Count > 0 ? Owners[0].StartTime : null;

    /// <summary>The cgroup of the process of <see cref="ProcessId"/>; empty if it could not be found out.</summary>
    public string CgroupPath => Owners.Count > 0 ? Owners[0].CgroupPath : "";

    /// <summary>The system's unit of that process; empty if there is none, null if its cgroup is not known.</summary>
    public string? Unit => Owners.Count > 0 ? Owners[0].Unit : "";

    /// <summary>Its user's own unit, likewise; its user can choose it.</summary>
    public string? UserUnit => Owners.Count > 0 ? Owners[0].UserUnit : "";

    /// <inheritdoc cref="TraceEvent.SocketUnit"/>
    public string? SocketUnit { get; }

    /// <inheritdoc cref="TraceEvent.ActivatedUnit"/>
    public string? ActivatedUnit => SocketUnits.ServiceOf(SocketUnit);

    /// <inheritdoc cref="TraceEvent.UserSocketUnit"/>
    public string? UserSocketUnit => SocketUser is { } uid ? UserSocketUnits.Of(uid, ProtocolNumber, Port) : SocketUnit is null ? null : "";

    /// <inheritdoc cref="TraceEvent.UserActivatedUnit"/>
    public string? UserActivatedUnit => SocketUser is { } uid ? UserSocketUnits.ServiceOf(uid, ProtocolNumber, Port) : SocketUnit is null ? null : "";

    /// <summary>Its container by an engine of the system, likewise.</summary>
    public string? ContainerId => Owners.Count > 0 ? Owners[0].ContainerId : "";

    /// <summary>Its innermost container below what may be delegated, likewise; those who run there can choose it.</summary>
    public string? UserContainerId => Owners.Count > 0 ? Owners[0].UserContainerId : "";

    /// <inheritdoc cref="TraceEvent.ContainerName"/>
    public string? ContainerName => Owners.Count > 0 ? Owners[0].ContainerName : "";

    /// <inheritdoc cref="TraceEvent.ContainerImage"/>
    public string? ContainerImage => Owners.Count > 0 ? Owners[0].ContainerImage : "";

    /// <inheritdoc cref="TraceEvent.ContainerRuntime"/>
    public string? ContainerRuntime => Owners.Count > 0 ? Owners[0].ContainerRuntime : "";

    /// <inheritdoc cref="TraceEvent.PodName"/>
    public string? PodName => Owners.Count > 0 ? Owners[0].PodName : "";

    /// <inheritdoc cref="TraceEvent.PodNamespace"/>
    public string? PodNamespace => Owners.Count > 0 ? Owners[0].PodNamespace : "";

    /// <summary>
    /// The name of the container that the port is published for, where docker-proxy, dockerd, Podman's conmon, rootlessport,
    /// slirp4netns or pasta holds it in the place of one of the system's engines; looked up when read. Empty if none of them
    /// does, null if that could not be found out.
    /// </summary>
    public string? PublishedFor => FirstOf(p => p.Name);

    /// <summary>The id of the container if it is of a rootless engine, likewise; its user can choose it.</summary>
    public string? UserPublishedFor => FirstOf(p => p.UserId);

    /// <summary>Every process that holds the socket, each with its descriptors; the longest running first.</summary>
    public IReadOnlyList<SocketOwner> Owners { get; }

    /// <summary>How the socket was found: Kernel (BPF programs that walk what the kernel has), or Netlink (sock_diag and /proc).</summary>
    public string Source { get; }

    internal static Description<BindSocket> Description { get; } = new(
    [
        Field<BindSocket>.Time(nameof(Time), s => s.Time),
        Field<BindSocket>.Number(nameof(ProcessId), s => s.ProcessId, heading: "PID"),
        Field<BindSocket>.Text(nameof(Comm), s => s.Comm, heading: "COMM"),
        Field<BindSocket>.Text(nameof(HeldBy), s => s.HeldBy),
        Field<BindSocket>.Text(nameof(Protocol), s => s.Protocol, heading: "PROT"),
        Field<BindSocket>.Number(nameof(ProtocolNumber), s => s.ProtocolNumber),
        Field<BindSocket>.Text(nameof(SocketType), s => s.SocketType),
        Field<BindSocket>.Text(nameof(AddressFamily), s => s.AddressFamily),
        Field<BindSocket>.Text(nameof(Address), s => s.Address, heading: "ADDR"),
        Field<BindSocket>.Number(nameof(Port), s => s.Port, heading: "PORT"),
        Field<BindSocket>.Text(nameof(State), s => s.State, heading: "STATE"),
        Field<BindSocket>.Text(nameof(RemoteAddress), s => s.RemoteAddress, heading: "REMOTE"),
        Field<BindSocket>.Number(nameof(RemotePort), s => s.RemotePort),
        Field<BindSocket>.Number(nameof(Backlog), s => s.Backlog, heading: "BACKLOG"),
        Field<BindSocket>.Number(nameof(BacklogLimit), s => s.BacklogLimit),
        Field<BindSocket>.Text(nameof(Options), s => s.Options is { } options ? BindEvent.OptionNames(options) : null),
        Field<BindSocket>.Text(nameof(OptionString), s => s.OptionString, heading: "OPTS"),
        Field<BindSocket>.Flag(nameof(IPv6Only), s => s.IPv6Only),
        Field<BindSocket>.Number(nameof(InterfaceIndex), s => s.InterfaceIndex, heading: "IF"),
        Field<BindSocket>.Text(nameof(InterfaceName), s => s.InterfaceName, heading: "INTERFACE"),
        Field<BindSocket>.Number(nameof(Uid), s => s.Uid),
        Field<BindSocket>.Text(nameof(UserName), s => s.UserName, heading: "USER"),
        Field<BindSocket>.Number(nameof(NetworkNamespace), s => s.NetworkNamespace, heading: "NETNS"),
        Field<BindSocket>.Number(nameof(Inode), s => s.Inode),
        Field<BindSocket>.Time(nameof(ProcessStartTime), s => s.ProcessStartTime),
        Field<BindSocket>.Text(nameof(CgroupPath), s => s.CgroupPath),
        Field<BindSocket>.Text(nameof(Unit), s => s.Unit),
        Field<BindSocket>.Text(nameof(UserUnit), s => s.UserUnit),
        Field<BindSocket>.Text(nameof(SocketUnit), s => s.SocketUnit),
        Field<BindSocket>.Text(nameof(ActivatedUnit), s => s.ActivatedUnit),
        Field<BindSocket>.Text(nameof(UserSocketUnit), s => s.UserSocketUnit),
        Field<BindSocket>.Text(nameof(UserActivatedUnit), s => s.UserActivatedUnit),
        Field<BindSocket>.Text(nameof(ContainerId), s => s.ContainerId),
        Field<BindSocket>.Text(nameof(UserContainerId), s => s.UserContainerId),
        Field<BindSocket>.Text(nameof(ContainerName), s => s.ContainerName, heading: "CONTAINER"),
        Field<BindSocket>.Text(nameof(ContainerImage), s => s.ContainerImage),
        Field<BindSocket>.Text(nameof(ContainerRuntime), s => s.ContainerRuntime),
        Field<BindSocket>.Text(nameof(PodName), s => s.PodName),
        Field<BindSocket>.Text(nameof(PodNamespace), s => s.PodNamespace),
        Field<BindSocket>.Text(nameof(PublishedFor), s => s.PublishedFor),
        Field<BindSocket>.Text(nameof(UserPublishedFor), s => s.UserPublishedFor),
        Field<BindSocket>.Items(nameof(Owners), s => s.Owners, () => SocketOwner.Description, heading: "HOLDERS"),
        Field<BindSocket>.Text(nameof(Source), s => s.Source),
    ],

    // Those of binds, with the state.
    [
        new(nameof(ProcessId), 8) { IsRight = true },
        new(nameof(Comm), new CellSize(12, 12)) { Wide = new(15), Cell = (s, _) => s.ProcessId is null ? $"[{s.HeldBy}]" : s.Comm },
        new(nameof(Protocol), new CellSize(4, 4)) { Wide = new(4) },
        new(nameof(Address), new CellSize(15, 15)) { Wide = new(39) },
        new(nameof(Port), 5) { IsRight = true },
        new(nameof(State), 11),
        new(nameof(OptionString), 5),
        new(nameof(InterfaceIndex), 2) { Use = ColumnUse.Narrow, IsRight = true },
        new(nameof(InterfaceName), 10) { Use = ColumnUse.Wide, Heading = "IF", Cell = (s, _) => s.InterfaceName.Length > 0 ? s.InterfaceName : $"{s.InterfaceIndex}" },
        new(nameof(RemoteAddress), 45) { Use = ColumnUse.Wide, Cell = (s, _) => s.RemoteEndpoint },
        new(nameof(NetworkNamespace), 10) { Use = ColumnUse.Wide },
        new(nameof(Owners), 0) { Use = ColumnUse.Wide, Cell = (s, _) => string.Join(' ', s.Owners.Select(o => $"{o.Comm}[{o.ProcessId}]:{o.FileDescriptor}")) },
    ]);

    /// <inheritdoc cref="TraceEvent.SocketUser"/>
    internal uint? SocketUser { get; }

    internal ref readonly SocketSample Sample => ref _sample;

    internal AddressValue AddressValue => AddressValue.Of(_sample.Address, _sample.AddressFamily);

    private string? FirstOf(Func<PublishedPort, string?> part)
    {
        string?[] found =
            [.. Owners.DistinctBy(o => o.ProcessId).Select(o => part(PublishedPorts.Of(o.Comm, ToProc(o), _made, o.CgroupPath, ProtocolNumber, Port)))];
        return found.FirstOrDefault(n => n is { Length: > 0 }) ?? (found.Contains(null) ? null : "");
    }

    // Those that the kernel has found have ids that /proc need not have.
    private int ToProc(SocketOwner owner) => Source == FromNetlink || Processes.SeesAll ? owner.ProcessId : 0;

    private bool IsListening => _sample.State == TcpStates.Listen;

    private bool HasRemote => _sample.RemotePort != 0 ||
        (_sample.State == TcpStates.Established && ((ReadOnlySpan<byte>)_sample.RemoteAddress).ContainsAnyExcept((byte)0));

    /// <inheritdoc/>
    public override string ToString() =>
        $"{(ProcessId is null ? HeldBy : $"{Comm}[{ProcessId}]")} {Protocol} {Endpoint} {State} {OptionString}";

    internal static string StateName(TcpStates state, ushort type, ushort protocol) => state switch
    {
        TcpStates.Established => "Established",
        TcpStates.SynSent => "SynSent",
        TcpStates.SynReceived or TcpStates.NewSynReceived => "SynReceived",
        TcpStates.FinWait1 => "FinWait1",
        TcpStates.FinWait2 => "FinWait2",
        TcpStates.TimeWait => "TimeWait",
        TcpStates.CloseWait => "CloseWait",
        TcpStates.LastAck => "LastAck",
        TcpStates.Listen => "Listen",
        TcpStates.Closing => "Closing",

        // linux/net.h: 2 is SOCK_DGRAM, 3 is SOCK_RAW.
        _ => type is 2 or 3 || protocol == L2tp ? "Unconnected" : "Bound",
    };
}

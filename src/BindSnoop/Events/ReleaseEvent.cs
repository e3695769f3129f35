using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>One port that a bound IPv4 or IPv6 socket released.</summary>
public sealed class ReleaseEvent : TraceEvent
{
    private readonly ReleaseSample _sample;

    internal ReleaseEvent(in ReleaseSample sample, in EventContext context)
        : base(sample.Origin, context) =>
        _sample = sample;

    /// <summary>When the port was released: local time, from the kernel's clock.</summary>
    public override DateTime Time => base.Time;

    /// <inheritdoc/>
    public override string Timestamp => base.Timestamp;

    /// <inheritdoc/>
    public override long KernelTime => base.KernelTime;

    /// <inheritdoc/>
    public override double ElapsedSeconds => base.ElapsedSeconds;

    /// <inheritdoc/>
    public override uint Uid => base.Uid;

    /// <inheritdoc/>
    public override uint Gid => base.Gid;

    /// <inheritdoc/>
    public override string UserName => base.UserName;

    /// <summary>
    /// The process that released it: closed the last descriptor of the socket, exited with it, or shut it down. A thread of the
    /// kernel's where nobody else had the socket any more.
    /// </summary>
    public override int ProcessId => base.ProcessId;

    /// <inheritdoc/>
    public override int ThreadId => base.ThreadId;

    /// <inheritdoc/>
    public override int ParentProcessId => base.ParentProcessId;

    /// <inheritdoc/>
    public override bool IsHostProcessId => base.IsHostProcessId;

    /// <inheritdoc/>
    public override string Comm => base.Comm;

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf(_sample.ProtocolNumber);

    /// <summary>The protocol's number; 262 is MPTCP.</summary>
    public int ProtocolNumber => _sample.ProtocolNumber;

    /// <summary>STREAM, DGRAM, RAW and so on.</summary>
    public string SocketType => SocketTypes.NameOf(_sample.SocketType);

    /// <summary>IPv4 or IPv6: the socket's family.</summary>
    public string AddressFamily => FamilyName(_sample.AddressFamily);

    /// <summary>
    /// The address the socket was bound to. A link-local IPv6 address is followed by a percent sign and its scope (interface
    /// index).
    /// </summary>
    public string Address => AddressText(_sample.Address, _sample.AddressFamily, _sample.InterfaceIndex);

    /// <summary>The port that was released; 0 of raw sockets.</summary>
    public int Port => _sample.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string Endpoint => EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>
    /// What the socket did until then, as .NET's TcpState where there is one: Listen, Established, CloseWait and so on;
    /// Closed: its connection had ended; Bound: neither listening nor connected; Unconnected: the same of sockets for
    /// datagrams.
    /// </summary>
    public string State => _sample.State == TcpStates.Close && _sample.Flags.HasFlag(ReleaseFlags.Connected)
        ? nameof(System.Net.NetworkInformation.TcpState.Closed)
        : BindSocket.StateName(_sample.State, _sample.SocketType, _sample.ProtocolNumber);

    /// <summary>How long the socket had been bound; null if the trace did not see it being bound.</summary>
    public TimeSpan? BoundFor => _sample.BoundAt == 0 ? null : TimeSpan.FromTicks((KernelTime - (long)_sample.BoundAt) / TimeSpan.NanosecondsPerTick);

    /// <summary>
    /// Whether the kernel continues to keep the port for the socket's own connection, about a minute in TIME_WAIT, since this
    /// end closed it first. Null for a socket that listened: what happens to the connections that it accepted is unknown.
    /// </summary>
    public bool? LeavesTimeWait => _sample.State == TcpStates.Listen ? null : _sample.Flags.HasFlag(ReleaseFlags.LeavesTimeWait);

    /// <summary>The socket's options at that time.</summary>
    public BindOptions Options => (BindOptions)_sample.Options;

    /// <summary>The options as bindsnoop shows them: a letter of FTNRr for each that is set, else a dot.</summary>
    public string OptionString => BindEvent.OptionText(Options);

    /// <summary>IPV6_V6ONLY: an IPv6 socket that left IPv4 alone.</summary>
    public bool IPv6Only => _sample.Ipv6Only != 0;

    /// <summary>The interface that the socket was bound to, or 0.</summary>
    public int InterfaceIndex => (int)_sample.InterfaceIndex;

    /// <inheritdoc/>
    public override string InterfaceName => base.InterfaceName;

    internal static EventDefinition<ReleaseEvent> Definition { get; } = new("release", "Ports that bound sockets released,",
    [
        Field<ReleaseEvent>.Text(nameof(Protocol), e => e.Protocol, "network.transport", AttributeForm.LowerCase, heading: "PROTO"),
        Field<ReleaseEvent>.Number(nameof(ProtocolNumber), e => e.ProtocolNumber),
        Field<ReleaseEvent>.Text(nameof(SocketType), e => e.SocketType),
        Field<ReleaseEvent>.Text(nameof(AddressFamily), e => e.AddressFamily, "network.type", AttributeForm.LowerCase),
        Field<ReleaseEvent>.Text(nameof(Address), e => e.Address, "server.address", heading: "ADDR"),
        Field<ReleaseEvent>.Number(nameof(Port), e => e.Port, "server.port", heading: "PORT"),
        Field<ReleaseEvent>.Text(nameof(State), e => e.State, "bindsnoop.state", heading: "STATE"),
        Field<ReleaseEvent>.Text(nameof(BoundFor), e => e.BoundFor?.ToString("c", CultureInfo.InvariantCulture), "bindsnoop.bound_for", heading: "BOUND"),
        Field<ReleaseEvent>.Flag(nameof(LeavesTimeWait), e => e.LeavesTimeWait, heading: "TIMEWAIT"),
        Field<ReleaseEvent>.Text(nameof(Options), e => BindEvent.OptionNames(e.Options)),
        Field<ReleaseEvent>.Text(nameof(OptionString), e => e.OptionString, "bindsnoop.options", heading: "OPTS"),
        Field<ReleaseEvent>.Flag(nameof(IPv6Only), e => e.IPv6Only),
        Field<ReleaseEvent>.Number(nameof(InterfaceIndex), e => e.InterfaceIndex),
        Field<ReleaseEvent>.Text(nameof(InterfaceName), e => e.InterfaceName, "network.interface.name", heading: "INTERFACE"),
    ],
    [
        new(nameof(KernelTime), 9) { Use = ColumnUse.Seconds, Cell = (e, first) => TextColumn.Seconds(e, first, 6) },
        new(nameof(ProcessId), 6),
        new(nameof(Comm), new CellSize(12, 12)) { Wide = new(16) },
        new(nameof(NetworkNamespace), 12) { Use = ColumnUse.Wide, Heading = "NETNS" },
        new(nameof(Protocol), 6),
        new(nameof(State), 11),
        new(nameof(BoundFor), 16),
        new(nameof(LeavesTimeWait), 8) { Use = ColumnUse.Wide, Cell = (e, _) => e.LeavesTimeWait is { } leaves ? leaves ? "yes" : "no" : null },
        new(nameof(OptionString), 5) { Use = ColumnUse.Wide },
        new(nameof(Port), 5),
        new(nameof(Address), 39),
    ])
    {
        CanFail = false,
    };

    internal override EventDefinition Kind => Definition;

    internal override (int ProtocolNumber, string AddressFamily, int Port) LocalEnd => (ProtocolNumber, AddressFamily, Port);

    internal override void GiveFields(IFieldReader reader) => Definition.Description.Give(this, reader);

    /// <inheritdoc/>
    public override string ToString() => $"{Comm}[{ProcessId}] {Protocol} {Endpoint} {State}";
}

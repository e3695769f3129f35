using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>One call of listen() on an IPv4 or IPv6 socket.</summary>
public sealed class ListenEvent : TraceEvent
{
    private readonly ListenSample _sample;

    internal ListenEvent(in ListenSample sample, in EventContext context)
        : base(sample.Origin, context) =>
        _sample = sample;

    /// <inheritdoc/>
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

    /// <inheritdoc/>
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

    /// <summary>STREAM, SEQPACKET and so on.</summary>
    public string SocketType => SocketTypes.NameOf(_sample.SocketType);

    /// <summary>IPv4 or IPv6: the socket's family.</summary>
    public string AddressFamily => FamilyName(_sample.AddressFamily);

    /// <summary>
    /// The address the socket is bound to, of a failed call too. A link-local IPv6 address is followed by a percent sign
    /// and its scope (interface index).
    /// </summary>
    public string Address => AddressText(_sample.Address, _sample.AddressFamily, _sample.InterfaceIndex);

    /// <summary>The port the socket has after the call; 0 if it has none, as of raw sockets.</summary>
    public int Port => _sample.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string Endpoint => EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>
    /// How many connections the call asked to queue, exactly as it was given: negative numbers ask for the most there can
    /// be. Null if only <see cref="BacklogLimit"/> is known, as the kernel had cut the number to it before the back end
    /// saw it.
    /// </summary>
    public int? Backlog => _sample.Flags.HasFlag(ListenFlags.BacklogKnown) ? _sample.Backlog : null;

    /// <summary>
    /// How many connections the kernel queues: <see cref="Backlog"/>, but at most net.core.somaxconn; 0 of an SCTP socket
    /// that a backlog of 0 has taken out of listening. Null for a failed call.
    /// </summary>
    public long? BacklogLimit => ErrorCode == 0 ? _sample.BacklogLimit : null;

    /// <summary>
    /// Whether listen() gave the socket its port, as no bind() had: then there is no bind event of this port.
    /// </summary>
    public bool Implicit => _sample.Flags.HasFlag(ListenFlags.Implicit);

    /// <summary>
    /// Whether the kernel chose the port: bind() requested port 0, or there was no bind(). Of an SCTP socket that had its port
    /// before the call this is not known, and false.
    /// </summary>
    public bool PortChosen => _sample.Flags.HasFlag(ListenFlags.PortChosen);

    /// <summary>Whether the socket listened before: then the call only changed <see cref="BacklogLimit"/>.</summary>
    public bool AlreadyListening => _sample.Flags.HasFlag(ListenFlags.AlreadyListening);

    /// <summary>The socket's options at the time of the call.</summary>
    public BindOptions Options => (BindOptions)_sample.Options;

    /// <summary>The options as bindsnoop shows them: a letter of FTNRr for each that is set, else a dot.</summary>
    public string OptionString => BindEvent.OptionText(Options);

    /// <summary>IPV6_V6ONLY: an IPv6 socket that leaves IPv4 alone.</summary>
    public bool IPv6Only => _sample.Ipv6Only != 0;

    /// <summary>The interface that the socket is bound to, or 0.</summary>
    public int InterfaceIndex => (int)_sample.InterfaceIndex;

    /// <inheritdoc/>
    public override string InterfaceName => base.InterfaceName;

    /// <inheritdoc cref="BindEvent.Cause"/>
    public string? Cause => Found?.Cause;

    /// <inheritdoc cref="BindEvent.Explanation"/>
    public string? Explanation => Found?.Explanation;

    /// <inheritdoc cref="BindEvent.Holders"/>
    public IReadOnlyList<BindSocket>? Holders => Found?.Holders;

    internal static EventDefinition<ListenEvent> Definition { get; } = new("listen", "Calls of listen()",
    [
        Field<ListenEvent>.Text(nameof(Protocol), e => e.Protocol, "network.transport", AttributeForm.LowerCase, heading: "PROTO"),
        Field<ListenEvent>.Number(nameof(ProtocolNumber), e => e.ProtocolNumber),
        Field<ListenEvent>.Text(nameof(SocketType), e => e.SocketType),
        Field<ListenEvent>.Text(nameof(AddressFamily), e => e.AddressFamily, "network.type", AttributeForm.LowerCase),
        Field<ListenEvent>.Text(nameof(Address), e => e.Address, "server.address", heading: "ADDR"),
        Field<ListenEvent>.Number(nameof(Port), e => e.Port, "server.port", heading: "PORT"),
        Field<ListenEvent>.Number(nameof(Backlog), e => e.Backlog, heading: "BACKLOG"),
        Field<ListenEvent>.Number(nameof(BacklogLimit), e => e.BacklogLimit, heading: "LIMIT"),
        Field<ListenEvent>.Flag(nameof(Implicit), e => e.Implicit),
        Field<ListenEvent>.Flag(nameof(PortChosen), e => e.PortChosen),
        Field<ListenEvent>.Flag(nameof(AlreadyListening), e => e.AlreadyListening),
        Field<ListenEvent>.Text(nameof(Options), e => BindEvent.OptionNames(e.Options)),
        Field<ListenEvent>.Text(nameof(OptionString), e => e.OptionString, "bindsnoop.options", heading: "OPTS"),
        Field<ListenEvent>.Flag(nameof(IPv6Only), e => e.IPv6Only),
        Field<ListenEvent>.Number(nameof(InterfaceIndex), e => e.InterfaceIndex),
        Field<ListenEvent>.Text(nameof(InterfaceName), e => e.InterfaceName, "network.interface.name", heading: "INTERFACE"),
        Field<ListenEvent>.Text(nameof(Cause), e => e.Cause, "bindsnoop.cause", heading: "CAUSE"),
        Field<ListenEvent>.Text(nameof(Explanation), e => e.Explanation, "bindsnoop.explanation", heading: "EXPLANATION"),
        Field<ListenEvent>.Items(nameof(Holders), e => e.Holders, () => BindSocket.Description),
    ],

    // As bcc's solisten; RC is our own.
    [
        new(nameof(KernelTime), 9) { Use = ColumnUse.Seconds, Cell = (e, first) => TextColumn.Seconds(e, first, 6) },
        new(nameof(ErrorCode), 3) { Use = ColumnUse.Errors | ColumnUse.Narrow, IsRight = true, Cell = TextColumn.ReturnValue },
        new(nameof(ErrorMessage), 25) { Use = ColumnUse.Errors | ColumnUse.Wide, Heading = "RC", Cell = (e, _) => e.ErrorCode == 0 ? "Success" : e.ErrorMessage },
        new(nameof(ProcessId), 6),
        new(nameof(Comm), new CellSize(12, 12)) { Wide = new(16) },
        new(nameof(NetworkNamespace), 12) { Heading = "NETNS" },
        new(nameof(Protocol), 6),
        new(nameof(Backlog), 8) { Cell = (e, _) => e.Backlog?.ToString(CultureInfo.InvariantCulture) },
        new(nameof(BacklogLimit), 8) { Use = ColumnUse.Wide, Cell = (e, _) => e.BacklogLimit?.ToString(CultureInfo.InvariantCulture) },
        new(nameof(OptionString), 5) { Use = ColumnUse.Wide },
        new(nameof(Port), 5),
        new(nameof(Address), 39),
    ],
    e => e.Explanation);

    internal ref readonly ListenSample Sample => ref _sample;

    internal override EventDefinition Kind => Definition;

    internal override (int ProtocolNumber, string AddressFamily, int Port) LocalEnd => (ProtocolNumber, AddressFamily, Port);

    internal override void GiveFields(IFieldReader reader) => Definition.Description.Give(this, reader);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] {Protocol} {Endpoint} {(ErrorCode == 0 ? $"backlog {BacklogLimit}" : ErrorName)}";
}

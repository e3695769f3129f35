using System.Globalization;
using BindSnoop.Abi;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>One TCP connection that a process accepted, or failed to.</summary>
public sealed class AcceptEvent : TraceEvent
{
    private readonly AcceptSample _sample;

    internal AcceptEvent(in AcceptSample sample, in EventContext context)
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

    /// <summary>TCP or MPTCP: of the connection; of a failed call, of the listening socket.</summary>
    public string Protocol => Protocols.NameOf(_sample.ProtocolNumber);

    /// <summary>The protocol's number; 262 is MPTCP.</summary>
    public int ProtocolNumber => _sample.ProtocolNumber;

    /// <summary>IPv4 or IPv6: the socket's family.</summary>
    public string AddressFamily => FamilyName(_sample.AddressFamily);

    /// <summary>The address the peer connected to; of a failed call, the one listened on.</summary>
    public string LocalAddress => AddressText(_sample.LocalAddress, _sample.AddressFamily, _sample.InterfaceIndex);

    /// <summary>The port the peer connected to.</summary>
    public int LocalPort => _sample.LocalPort;

    /// <summary><see cref="LocalAddress"/> and <see cref="LocalPort"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string LocalEndpoint => EndpointText(LocalAddress, LocalPort);

    /// <summary>The name of <see cref="LocalPort"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(LocalPort, ProtocolNumber);

    /// <summary>The peer's address; null for a failed call.</summary>
    public string? RemoteAddress =>
        ErrorCode == 0 ? AddressText(_sample.RemoteAddress, _sample.AddressFamily, _sample.InterfaceIndex) : null;

    /// <summary>The peer's port; 0 of a failed call.</summary>
    public int RemotePort => _sample.RemotePort;

    /// <summary><see cref="RemoteAddress"/> and <see cref="RemotePort"/> in one; null for a failed call.</summary>
    public string? RemoteEndpoint => EndpointText(RemoteAddress, RemotePort);

    /// <summary>The interface that the socket is bound to, or 0.</summary>
    public int InterfaceIndex => (int)_sample.InterfaceIndex;

    internal static EventDefinition<AcceptEvent> Definition { get; } = new("accept", "Calls of accept() on TCP sockets",
    [
        Field<AcceptEvent>.Text(nameof(Protocol), e => e.Protocol, "network.transport", AttributeForm.LowerCase, heading: "PROT"),
        Field<AcceptEvent>.Number(nameof(ProtocolNumber), e => e.ProtocolNumber),
        Field<AcceptEvent>.Text(nameof(AddressFamily), e => e.AddressFamily, "network.type", AttributeForm.LowerCase, heading: "IP"),
        Field<AcceptEvent>.Text(nameof(LocalAddress), e => e.LocalAddress, "server.address", heading: "LADDR"),
        Field<AcceptEvent>.Number(nameof(LocalPort), e => e.LocalPort, "server.port", heading: "LPORT"),
        Field<AcceptEvent>.Text(nameof(RemoteAddress), e => e.RemoteAddress, "client.address", heading: "RADDR"),
        Field<AcceptEvent>.Number(nameof(RemotePort), e => e.RemotePort, "client.port", AttributeForm.NonZero, heading: "RPORT"),
        Field<AcceptEvent>.Number(nameof(InterfaceIndex), e => e.InterfaceIndex),
        Field<AcceptEvent>.Text(nameof(InterfaceName), e => e.InterfaceName, "network.interface.name", heading: "INTERFACE"),
    ],

    // As bcc's tcpaccept; RC is our own.
    [
        new(nameof(Time), 9) { Use = ColumnUse.TimeOfDay, Gap = 0, Cell = (e, _) => e.Time.ToString("HH:mm:ss", CultureInfo.InvariantCulture) },
        new(nameof(KernelTime), 9) { Use = ColumnUse.Seconds, Gap = 0, Cell = (e, first) => TextColumn.Seconds(e, first, 3) },
        new(nameof(ErrorCode), 3) { Use = ColumnUse.Errors, IsRight = true, Cell = TextColumn.ReturnValue },
        new(nameof(ProcessId), 7),
        new(nameof(Comm), new CellSize(12, 12)),
        new(nameof(AddressFamily), 2) { Cell = (e, _) => e.AddressFamily == nameof(IPFamily.IPv4) ? "4" : "6" },
        new(nameof(RemoteAddress), 16),
        new(nameof(RemotePort), 5),
        new(nameof(LocalAddress), 16),
        new(nameof(LocalPort), 5),
    ]);

    internal override EventDefinition Kind => Definition;

    internal override (int ProtocolNumber, string AddressFamily, int Port) LocalEnd => (ProtocolNumber, AddressFamily, LocalPort);

    internal override void GiveFields(IFieldReader reader) => Definition.Description.Give(this, reader);

    /// <inheritdoc/>
    public override string InterfaceName => base.InterfaceName;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] {Protocol} {LocalAddress} port {LocalPort} {(ErrorCode == 0 ? $"from {RemoteAddress} port {RemotePort}" : ErrorName)}";
}

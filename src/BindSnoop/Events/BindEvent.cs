using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>Socket options that determine whether a bind succeeds; the values are those of the sample.</summary>
[Flags]
public enum BindOptions
{
    /// <summary>None of them.</summary>
    None = 0,

    /// <summary>IP_FREEBIND: the address need not be this machine's.</summary>
    FreeBind = 1,

    /// <summary>IP_TRANSPARENT: the socket may act for others' addresses.</summary>
    Transparent = 2,

    /// <summary>IP_BIND_ADDRESS_NO_PORT: the port is chosen only when connecting.</summary>
    BindAddressNoPort = 4,

    /// <summary>SO_REUSEADDR.</summary>
    ReuseAddress = 8,

    /// <summary>SO_REUSEPORT.</summary>
    ReusePort = 16,
}

/// <summary>One call of bind() on an IPv4 or IPv6 socket.</summary>
public sealed class BindEvent : TraceEvent
{
    internal const ushort NoAddress = 0xffff;

    private readonly BindSample _sample;

    internal BindEvent(in BindSample sample, in EventContext context, bool existing = false)
        : base(sample.Origin, context)
    {
        _sample = sample;
        Existing = existing;
    }

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

    /// <summary>
    /// Whether this is no call, but a socket that was bound when the trace began. Then the process is one that holds it
    /// (0 if none does), <see cref="TraceEvent.Uid"/> is of the socket, and what is known of calls only is not known: group
    /// (4294967295), parent, mount namespace and requested address.
    /// </summary>
    public bool Existing { get; }

    /// <summary>The protocol's name, else its number; empty when the call named no socket (EBADF, ENOTSOCK).</summary>
    public string Protocol => Protocols.NameOf(_sample.ProtocolNumber);

    /// <summary>The protocol's number (262 is MPTCP); 0 when the call named no socket.</summary>
    public int ProtocolNumber => _sample.ProtocolNumber;

    /// <summary>STREAM, DGRAM, RAW and so on; empty when the call named no socket.</summary>
    public string SocketType => SocketTypes.NameOf(_sample.SocketType);

    /// <summary>IPv4 or IPv6: the socket's family, or the address's when the call named no socket.</summary>
    public string AddressFamily => FamilyName(_sample.AddressFamily);

    /// <summary>
    /// The address the socket has after the call; of a failed call the requested one. A link-local IPv6
    /// address has its scope (interface index) behind a percent sign. Null if the call failed and gave none.
    /// </summary>
    public string? Address =>
        ErrorCode == 0 ? AddressText(_sample.Address, _sample.AddressFamily, _sample.InterfaceIndex) : RequestedAddress;

    /// <summary>The port the socket has after the call; of a failed call the requested one; 0 of raw sockets.</summary>
    public int Port => _sample.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80; null without an address.</summary>
    public string? Endpoint => EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>The address requested; null if the call gave no whole IPv4 or IPv6 address.</summary>
    public string? RequestedAddress =>
        _sample.Requested.Family == NoAddress
            ? null
            : AddressText(_sample.Requested.Address, _sample.Requested.Family, _sample.Requested.ScopeId);

    /// <summary>The port requested; 0 asks the kernel to choose.</summary>
    public int RequestedPort => _sample.Requested.Port;

    /// <summary>The socket's options at the time of the call.</summary>
    public BindOptions Options => (BindOptions)_sample.Options;

    /// <summary>The options as bindsnoop shows them: a letter of FTNRr for each that is set, else a dot.</summary>
    public string OptionString => OptionText(Options);

    /// <summary>IPV6_V6ONLY: an IPv6 socket that leaves IPv4 alone.</summary>
    public bool IPv6Only => _sample.Ipv6Only != 0;

    /// <summary>The interface that the socket is bound to, or 0.</summary>
    public int InterfaceIndex => (int)_sample.InterfaceIndex;

    /// <inheritdoc/>
    public override string InterfaceName => base.InterfaceName;

    /// <summary>
    /// Of a failure that was to be explained: why, in a word, such as Listening or PrivilegedPort; else null. Reading this,
    /// <see cref="Explanation"/> or <see cref="Holders"/> waits until it is known, some milliseconds after the call.
    /// </summary>
    public string? Cause => Found?.Cause;

    /// <summary>One sentence: why, and what would help; null if it was not to be explained.</summary>
    public string? Explanation => Found?.Explanation;

    /// <summary>The sockets in the way, as they were just after the call; null if it was not to be explained.</summary>
    public IReadOnlyList<BindSocket>? Holders => Found?.Holders;

    /// <summary>
    /// The name of the container that the port is published for, where docker-proxy, dockerd, rootlessport, slirp4netns or pasta
    /// binds it in the place of one of the system's engines; looked up when read. Empty for other processes, null for those and
    /// of other programs that publish ports if it could not be found out.
    /// </summary>
    public string? PublishedFor => Published.Name;

    /// <summary>The id of the container if it is of a rootless engine, likewise; its user can choose it.</summary>
    public string? UserPublishedFor => Published.UserId;

    private PublishedPort Published => PublishedPorts.Of(Comm, IsHostProcessId ? 0 : ProcessId, KernelTime, CgroupPath, ProtocolNumber, Port);

    /// <summary>
    /// Of a failure: the user who made the socket, whose it is to the kernel's rules for SO_REUSEPORT; need not be <see cref="TraceEvent.Uid"/>.
    /// </summary>
    internal uint SocketUid => _sample.SocketUid;

    private static readonly string[] s_optionStrings =
        [.. Enumerable.Range(0, 32).Select(options => string.Concat("FTNRr".Select((letter, bit) => (options >> bit & 1) != 0 ? letter : '.')))];

    internal static string OptionText(BindOptions options) => s_optionStrings[(int)options & 31];

    internal static string OptionNames(BindOptions options) => s_optionNames[(int)options & 31];

    // Enum.ToString() takes longer than all the rest of an event.
    private static readonly string[] s_optionNames = [.. Enumerable.Range(0, 32).Select(options => ((BindOptions)options).ToString())];

    internal static EventDefinition<BindEvent> Definition { get; } = new("bind", "Calls of bind()",
    [
        Field<BindEvent>.Flag(nameof(Existing), e => e.Existing),
        Field<BindEvent>.Text(nameof(Protocol), e => e.Protocol, "network.transport", AttributeForm.LowerCase, heading: "PROT"),
        Field<BindEvent>.Number(nameof(ProtocolNumber), e => e.ProtocolNumber),
        Field<BindEvent>.Text(nameof(SocketType), e => e.SocketType),
        Field<BindEvent>.Text(nameof(AddressFamily), e => e.AddressFamily, "network.type", AttributeForm.LowerCase),
        Field<BindEvent>.Text(nameof(Address), e => e.Address, "server.address", heading: "ADDR"),
        Field<BindEvent>.Number(nameof(Port), e => e.Port, "server.port", heading: "PORT"),
        Field<BindEvent>.Text(nameof(RequestedAddress), e => e.RequestedAddress, "bindsnoop.requested_address"),
        Field<BindEvent>.Number(nameof(RequestedPort), e => e.RequestedPort, "bindsnoop.requested_port"),
        Field<BindEvent>.Text(nameof(Options), e => OptionNames(e.Options)),
        Field<BindEvent>.Text(nameof(OptionString), e => e.OptionString, "bindsnoop.options", heading: "OPTS"),
        Field<BindEvent>.Flag(nameof(IPv6Only), e => e.IPv6Only),
        Field<BindEvent>.Number(nameof(InterfaceIndex), e => e.InterfaceIndex, heading: "IF"),
        Field<BindEvent>.Text(nameof(InterfaceName), e => e.InterfaceName, "network.interface.name", heading: "INTERFACE"),
        Field<BindEvent>.Text(nameof(Cause), e => e.Cause, "bindsnoop.cause", heading: "CAUSE"),
        Field<BindEvent>.Text(nameof(Explanation), e => e.Explanation, "bindsnoop.explanation", heading: "EXPLANATION"),
        Field<BindEvent>.Items(nameof(Holders), e => e.Holders, () => BindSocket.Description),
        Field<BindEvent>.Text(nameof(PublishedFor), e => e.PublishedFor, "bindsnoop.published_for"),
        Field<BindEvent>.Text(nameof(UserPublishedFor), e => e.UserPublishedFor, "bindsnoop.user_published_for"),
    ],

    // As bcc's bindsnoop.
    [
        new(nameof(KernelTime), 9) { Use = ColumnUse.Seconds, Cell = (e, first) => TextColumn.Seconds(e, first, 6) },
        new(nameof(Uid), 6) { Use = ColumnUse.Uid, IsRight = true },
        new(nameof(ErrorCode), 3) { Use = ColumnUse.Errors | ColumnUse.Narrow, IsRight = true, Cell = TextColumn.ReturnValue },
        new(nameof(ErrorMessage), 25) { Use = ColumnUse.Errors | ColumnUse.Wide, Heading = "RC", Cell = (e, _) => e.ErrorCode == 0 ? "Success" : e.ErrorMessage },
        new(nameof(ProcessId), 8) { Wide = new(10), IsRight = true },
        new(nameof(Comm), new CellSize(12, 12)),
        new(nameof(Protocol), new CellSize(4, 4)) { Wide = new(4), Cell = (e, _) => e.Protocol is { Length: > 0 } protocol ? protocol : null },
        new(nameof(Address), new CellSize(15, 15)) { Wide = new(39) },
        new(nameof(Port), 5) { IsRight = true, HeadingIsRight = false },
        new(nameof(OptionString), 5) { HeadingIsRight = true },
        new(nameof(InterfaceIndex), 2) { IsRight = true },
    ],
    e => e.Explanation)
    {
        ClaimsPorts = true,
    };

    internal ref readonly BindSample Sample => ref _sample;

    internal override EventDefinition Kind => Definition;

    internal override (int ProtocolNumber, string AddressFamily, int Port) LocalEnd => (ProtocolNumber, AddressFamily, Port);

    internal override void GiveFields(IFieldReader reader) => Definition.Description.Give(this, reader);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] {Protocol} {Endpoint} {(ErrorCode == 0 ? OptionString : ErrorName)}";
}

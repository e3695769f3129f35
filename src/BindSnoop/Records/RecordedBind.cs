using System.Globalization;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.Records;
using BindSnoop.Input;

namespace BindSnoop;

/// <summary>
/// What a record knows of: a port that was held (Kind is Bind), a bind that failed (Failure), a call of listen() (Listen), or a span of
/// time of which it does not know everything (Gap). Properties have the names of those of <see cref="BindEvent"/>.
/// </summary>
public sealed class RecordedBind
{
    internal const string Bind = "Bind";
    internal const string Failure = "Failure";
    internal const string Listen = "Listen";
    internal const string Gap = "Gap";

    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss.fff";

    private readonly RecordWho _who;
    private readonly RecordWhat _what;

    internal RecordedBind(string kind, string host, DateTime time, in RecordWho who = default, in RecordWhat what = default)
    {
        Kind = kind;
        Host = host;
        Time = time;
        _who = who;
        _what = what;
    }

    /// <summary>Bind, Failure, Listen or Gap.</summary>
    public string Kind { get; }

    /// <summary>The machine.</summary>
    public string Host { get; }

    /// <summary>
    /// Of a question about a moment: Yes if the port was held then, Maybe if that is not certain; else null.
    /// </summary>
    public string? Held { get; internal init; }

    /// <summary>When the call returned, in local time; of a gap its begin; of a bind that was not seen itself, when the socket was known to be bound.</summary>
    public DateTime Time { get; }

    /// <summary>Of a bind that was not seen itself: it was not before that; else null.</summary>
    public DateTime? EarliestTime { get; internal init; }

    /// <summary>Of a bind: until when the port is known to have been held. Of a gap: its end. Else null.</summary>
    public DateTime? Until { get; internal init; }

    /// <summary>Of a bind: when the port was certainly no longer held; null if it was still held when the record ends, or that is not known.</summary>
    public DateTime? LatestUntil { get; internal init; }

    /// <summary>Of a bind: whether the socket was found in a look at all sockets, and its call not seen.</summary>
    public bool Existing => _what.Origin == RecordOrigin.Snapshot;

    /// <inheritdoc cref="TraceEvent.Uid"/>
    public uint Uid => _who.Uid;

    /// <summary>The caller's real group id; 4294967295 if it is not known.</summary>
    public uint Gid => _who.Gid ?? uint.MaxValue;

    /// <summary>The name of <see cref="Uid"/> on the machine that reads the record, or the number.</summary>
    public string UserName => IsGap ? "" : Users.NameOf(Uid);

    /// <summary>The process that made the call, which need not be the one that held the socket later.</summary>
    public int ProcessId { get; internal init; }

    /// <inheritdoc cref="TraceEvent.ThreadId"/>
    public int ThreadId { get; internal init; }

    /// <summary>The process's parent at that moment; 0 if it is not known.</summary>
    public int ParentProcessId => _who.ParentProcessId ?? 0;

    /// <inheritdoc cref="TraceEvent.IsHostProcessId"/>
    public bool IsHostProcessId => _who.IsHostProcessId;

    /// <inheritdoc cref="TraceEvent.Comm"/>
    public string Comm => _who.Comm ?? "";

    /// <inheritdoc cref="BindEvent.Protocol"/>
    public string Protocol => Protocols.NameOf(_what.Protocol);

    /// <inheritdoc cref="BindEvent.ProtocolNumber"/>
    public int ProtocolNumber => _what.Protocol;

    /// <inheritdoc cref="BindEvent.SocketType"/>
    public string SocketType => SocketTypes.NameOf(_what.Type);

    /// <summary>IPv4 or IPv6; empty for a gap.</summary>
    public string AddressFamily => IsGap ? "" : TraceEvent.FamilyName(_what.Family);

    /// <inheritdoc cref="BindEvent.Address"/>
    public string? Address => _what.Address;

    /// <inheritdoc cref="BindEvent.Port"/>
    public int Port { get; internal init; }

    /// <inheritdoc cref="BindEvent.Endpoint"/>
    public string? Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The address requested; null if there was none, or it is not known.</summary>
    public string? RequestedAddress => Existing || _what.Origin == RecordOrigin.Listen ? null : _what.Requested ?? _what.Address;

    /// <summary>The port requested; 0 asks the kernel to choose.</summary>
    public int RequestedPort => _what.IsChosen || Existing ? 0 : Port;

    /// <inheritdoc cref="BindEvent.Options"/>
    public BindOptions Options => (BindOptions)_what.Options;

    /// <inheritdoc cref="BindEvent.OptionString"/>
    public string OptionString => BindEvent.OptionText(Options);

    /// <inheritdoc cref="BindEvent.IPv6Only"/>
    public bool IPv6Only => _what.IPv6Only;

    /// <inheritdoc cref="BindEvent.InterfaceIndex"/>
    public int InterfaceIndex => (int)_what.InterfaceIndex;

    /// <inheritdoc cref="BindEvent.InterfaceName"/>
    public string InterfaceName => _what.InterfaceName ?? "";

    /// <summary>Of a call of listen(): how many connections it asked to queue; null if that is not known.</summary>
    public int? Backlog { get; internal init; }

    /// <inheritdoc cref="ListenEvent.BacklogLimit"/>
    public long? BacklogLimit { get; internal init; }

    /// <summary>Of a failure: why, in a word; of a gap: why the record does not know; else null.</summary>
    public string? Cause { get; internal init; }

    /// <summary>One sentence that says the same.</summary>
    public string? Explanation { get; internal init; }

    /// <summary>Of a failure: the sockets in the way, as they were just after the call; else null.</summary>
    public IReadOnlyList<RecordHolder>? Holders { get; internal init; }

    /// <inheritdoc cref="TraceEvent.ErrorCode"/>
    public int ErrorCode { get; internal init; }

    /// <inheritdoc cref="TraceEvent.ErrorName"/>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <inheritdoc cref="TraceEvent.NetworkNamespace"/>
    public uint NetworkNamespace => _who.NetworkNamespace;

    /// <summary>Inode number of the caller's mount namespace; 0 if it is not known.</summary>
    public uint MountNamespace => _who.MountNamespace ?? 0;

    /// <inheritdoc cref="TraceEvent.Inode"/>
    public long Inode { get; internal init; }

    /// <inheritdoc cref="TraceEvent.CgroupPath"/>
    public string CgroupPath => _who.CgroupPath ?? "";

    /// <inheritdoc cref="TraceEvent.Unit"/>
    public string? Unit => CgroupOwner.Of(CgroupPath).Unit;

    /// <inheritdoc cref="TraceEvent.UserUnit"/>
    public string? UserUnit => CgroupOwner.Of(CgroupPath).UserUnit;

    /// <inheritdoc cref="TraceEvent.ContainerId"/>
    public string? ContainerId => CgroupOwner.Of(CgroupPath).ContainerId;

    /// <inheritdoc cref="TraceEvent.UserContainerId"/>
    public string? UserContainerId => CgroupOwner.Of(CgroupPath).UserContainerId;

    /// <inheritdoc cref="TraceEvent.ContainerName"/>
    public string? ContainerName => _who.Container?.Name;

    /// <inheritdoc cref="TraceEvent.ContainerImage"/>
    public string? ContainerImage => _who.Container?.Image;

    /// <inheritdoc cref="TraceEvent.ContainerRuntime"/>
    public string? ContainerRuntime => _who.Container?.Runtime;

    /// <inheritdoc cref="TraceEvent.PodName"/>
    public string? PodName => _who.Container?.PodName;

    /// <inheritdoc cref="TraceEvent.PodNamespace"/>
    public string? PodNamespace => _who.Container?.PodNamespace;

    internal static Description<RecordedBind> Description { get; } = new(
    [
        Field<RecordedBind>.Text(nameof(Kind), r => r.Kind, heading: "KIND"),
        Field<RecordedBind>.Text(nameof(Host), r => r.Host),
        Field<RecordedBind>.Text(nameof(Held), r => r.Held, heading: "HELD"),
        Field<RecordedBind>.Time(nameof(Time), r => r.Time, heading: "TIME"),
        Field<RecordedBind>.Time(nameof(EarliestTime), r => r.EarliestTime),
        Field<RecordedBind>.Time(nameof(Until), r => r.Until, heading: "UNTIL"),
        Field<RecordedBind>.Time(nameof(LatestUntil), r => r.LatestUntil),
        Field<RecordedBind>.Flag(nameof(Existing), r => r.Existing),
        Field<RecordedBind>.Number(nameof(Uid), r => r.Uid, heading: "UID"),
        Field<RecordedBind>.Number(nameof(Gid), r => r.Gid),
        Field<RecordedBind>.Text(nameof(UserName), r => r.UserName),
        Field<RecordedBind>.Number(nameof(ProcessId), r => r.ProcessId, heading: "PID"),
        Field<RecordedBind>.Number(nameof(ThreadId), r => r.ThreadId),
        Field<RecordedBind>.Number(nameof(ParentProcessId), r => r.ParentProcessId),
        Field<RecordedBind>.Flag(nameof(IsHostProcessId), r => r.IsHostProcessId),
        Field<RecordedBind>.Text(nameof(Comm), r => r.Comm, heading: "COMM"),
        Field<RecordedBind>.Text(nameof(Protocol), r => r.Protocol, heading: "PROT"),
        Field<RecordedBind>.Number(nameof(ProtocolNumber), r => r.ProtocolNumber),
        Field<RecordedBind>.Text(nameof(SocketType), r => r.SocketType),
        Field<RecordedBind>.Text(nameof(AddressFamily), r => r.AddressFamily),
        Field<RecordedBind>.Text(nameof(Address), r => r.Address, heading: "ADDR"),
        Field<RecordedBind>.Number(nameof(Port), r => r.Port, heading: "PORT"),
        Field<RecordedBind>.Text(nameof(RequestedAddress), r => r.RequestedAddress),
        Field<RecordedBind>.Number(nameof(RequestedPort), r => r.RequestedPort),
        Field<RecordedBind>.Text(nameof(Options), r => BindEvent.OptionNames(r.Options)),
        Field<RecordedBind>.Text(nameof(OptionString), r => r.OptionString),
        Field<RecordedBind>.Flag(nameof(IPv6Only), r => r.IPv6Only),
        Field<RecordedBind>.Number(nameof(InterfaceIndex), r => r.InterfaceIndex),
        Field<RecordedBind>.Text(nameof(InterfaceName), r => r.InterfaceName),
        Field<RecordedBind>.Number(nameof(Backlog), r => r.Backlog),
        Field<RecordedBind>.Number(nameof(BacklogLimit), r => r.BacklogLimit),
        Field<RecordedBind>.Text(nameof(Cause), r => r.Cause),
        Field<RecordedBind>.Text(nameof(Explanation), r => r.Explanation),
        Field<RecordedBind>.Items(nameof(Holders), r => r.Holders, () => RecordHolder.Description),
        Field<RecordedBind>.Number(nameof(ErrorCode), r => r.ErrorCode, heading: "RC"),
        Field<RecordedBind>.Text(nameof(ErrorName), r => r.ErrorName),
        Field<RecordedBind>.Number(nameof(NetworkNamespace), r => r.NetworkNamespace),
        Field<RecordedBind>.Number(nameof(MountNamespace), r => r.MountNamespace),
        Field<RecordedBind>.Number(nameof(Inode), r => r.Inode),
        Field<RecordedBind>.Text(nameof(CgroupPath), r => r.CgroupPath),
        Field<RecordedBind>.Text(nameof(Unit), r => r.Unit),
        Field<RecordedBind>.Text(nameof(UserUnit), r => r.UserUnit),
        Field<RecordedBind>.Text(nameof(ContainerId), r => r.ContainerId),
        Field<RecordedBind>.Text(nameof(UserContainerId), r => r.UserContainerId),
        Field<RecordedBind>.Text(nameof(ContainerName), r => r.ContainerName),
        Field<RecordedBind>.Text(nameof(ContainerImage), r => r.ContainerImage),
        Field<RecordedBind>.Text(nameof(ContainerRuntime), r => r.ContainerRuntime),
        Field<RecordedBind>.Text(nameof(PodName), r => r.PodName),
        Field<RecordedBind>.Text(nameof(PodNamespace), r => r.PodNamespace),
    ],
    [
        new(nameof(Time), 23) { Cell = (r, _) => Show(r.Time) },
        new(nameof(Until), 23) { Cell = (r, _) => r.Until is { } until ? Show(until) : null },
        new(nameof(Kind), 7) { Use = ColumnUse.Span },
        new(nameof(Held), 5) { Use = ColumnUse.Moment },
        new(nameof(ProcessId), 8) { IsRight = true, Cell = (r, _) => r.IsGap ? null : r.ProcessId.ToString(CultureInfo.InvariantCulture) },
        new(nameof(Comm), new CellSize(15, 15)) { Cell = (r, _) => r.IsGap ? null : r.Comm },
        new(nameof(Protocol), 5) { Cell = (r, _) => r.Protocol.Length > 0 ? r.Protocol : null },
        new(nameof(Address), new CellSize(15, 15)) { Wide = new(39) },
        new(nameof(Port), 5) { IsRight = true, HeadingIsRight = true, Cell = (r, _) => r.IsGap ? null : r.Port.ToString(CultureInfo.InvariantCulture) },
    ])
    {
        Note = r => r.Note,
    };

    private bool IsGap => Kind == Gap;

    /// <summary>The kind of a row that came from a record, however it was read; null for all other rows.</summary>
    internal static string? KindOf(InputRow row) => row.Has(nameof(LatestUntil)) ? row.Text(nameof(Kind)) : null;

    /// <summary>A row in a sentence.</summary>
    internal static string ExplanationOf(InputRow gap) =>
        gap.Text(nameof(Explanation)) is { Length: > 0 } explanation ? explanation : "The record is incomplete for a period.";

    /// <summary>What is not in the columns.</summary>
    private string? Note
    {
        get
        {
            if (Kind != Bind)
            {
                return Explanation ?? (ErrorCode != 0 ? $"{Errno.TextOf(ErrorCode)} ({ErrorName})." : null);
            }

            string[] notes =
            [
                .. EarliestTime is { } earliest ? [$"Bound between {Show(earliest)} and {Show(Time)}."] : Array.Empty<string>(),
                .. LatestUntil is { } latest && latest != Until ? [$"Released between {Show(Until!.Value)} and {Show(latest)}."] : Array.Empty<string>(),
                .. LatestUntil is null ? [$"Not known to have been released by {Show(Until!.Value)}."] : Array.Empty<string>(),
            ];
            return notes.Length > 0 ? string.Join(' ', notes) : null;
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        IsGap ? $"{Cause} {Show(Time)} - {(Until is { } until ? Show(until) : "")}" : $"{Kind} {Comm}[{ProcessId}] {Protocol} {Endpoint} {Show(Time)}";

    internal static string Show(DateTime time) => time.ToString(TimeFormat, CultureInfo.InvariantCulture);
}

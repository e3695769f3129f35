using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Names;
using BindSnoop.Input;

namespace BindSnoop;

/// <summary>
/// Reads events of bind() and listen() off objects: those of this session, and those that came through CSV, JSON, CliXml or
/// remoting and have but the same properties. What such a file says is not trusted.
/// </summary>
internal sealed class FactsReader
{
    private readonly InputRow _row;
    private readonly string _what;
    private readonly bool _isListen;

    private FactsReader(InputRow row, string what)
    {
        _row = row;
        _what = what;
        _isListen = row.Has(nameof(ListenEvent.AlreadyListening));
    }

    /// <summary>Reads one.</summary>
    /// <param name="row">What has the properties of an event of bind() or listen().</param>
    /// <param name="what">What to call it in messages.</param>
    /// <exception cref="TraceException"><c>InvalidBindEvent</c>.</exception>
    public static BindFacts Read(InputRow row, string what) => Checked(new FactsReader(row, what).Read(), what, row.Target);

    /// <summary>Takes an event as it is.</summary>
    /// <inheritdoc cref="Read(InputRow, string)"/>
    public static BindFacts Read(BindEvent next, string what) => Checked(new BindFacts(next), what, next);

    /// <inheritdoc cref="Read(BindEvent, string)"/>
    public static BindFacts Read(ListenEvent next, string what) => Checked(new BindFacts(next), what, next);

    private static BindFacts Checked(BindFacts facts, string what, object? target) => facts.AskedForNothing || facts.IsWhole
        ? facts
        : throw Wrong(facts.Call == BindPolicyCall.Listen, what, "the call succeeded, but the protocol or address is missing.", target);

    private BindFacts Read() => new()
    {
        Call = _isListen ? BindPolicyCall.Listen : BindPolicyCall.Bind,
        Time = _row.Moment(nameof(BindEvent.Timestamp)) ?? _row.Moment(nameof(BindEvent.Time)),
        ProcessId = int.TryParse(Optional(nameof(BindEvent.ProcessId)), NumberStyles.None, CultureInfo.InvariantCulture, out int processId) ? processId : null,
        Comm = Parsed(nameof(BindEvent.Comm), text => text.Length > 0 ? DisplayText.Escape(ThreadName.Parse(text)) : IsOfNobody ? null : ""),
        Uid = Id(nameof(BindEvent.Uid)),
        Gid = Id(nameof(BindEvent.Gid)),
        UserName = Optional(nameof(BindEvent.UserName)) ?? "",
        Protocol = Parsed(nameof(BindEvent.Protocol), text => text.Length > 0 ? Protocols.Parse(text) : (ushort)0),
        AddressFamily = Enum.TryParse(Text(nameof(BindEvent.AddressFamily)), ignoreCase: true, out IPFamily family) && Enum.IsDefined(family)
            ? family
            : throw Wrong("AddressFamily is neither IPv4 nor IPv6."),
        Address = Address(nameof(BindEvent.Address)),
        Port = (int)Number(nameof(BindEvent.Port), ushort.MaxValue),
        RequestedAddress = Address(_isListen ? nameof(ListenEvent.Address) : nameof(BindEvent.RequestedAddress)),
        RequestedPort = _isListen ? (IsChosen() ? 0 : (int)Number(nameof(ListenEvent.Port), ushort.MaxValue))
            : (int)Number(nameof(BindEvent.RequestedPort), ushort.MaxValue) is var requested && IsExisting ? null : requested,
        ErrorCode = (int)Number(nameof(BindEvent.ErrorCode), int.MaxValue),

        Cause = BindCause.Parse(Optional(nameof(BindEvent.Cause)) ?? ""),

        // In CSV what is unknown looks like what is empty, but every cgroup has a path.
        CgroupPath = _row.TryGet(nameof(BindEvent.CgroupPath), out object? path) ? InputRow.Print(path) ?? "" : null,
        Unit = Owner(nameof(BindEvent.Unit)),
        ContainerId = Owner(nameof(BindEvent.ContainerId)),
        ContainerName = Optional(nameof(BindEvent.ContainerName)),
        PodName = Optional(nameof(BindEvent.PodName)),
        PodNamespace = Optional(nameof(BindEvent.PodNamespace)),
    };

    // Of a socket that was found there is no call: what is known of calls only is not known.
    private bool IsExisting => _row.Flag(nameof(BindEvent.Existing));

    private bool IsOfNobody => IsExisting && _row.Number(nameof(BindEvent.ProcessId)) is null or 0;

    private static TraceException Wrong(bool isListen, string what, string why, object? target) => new(
        "InvalidBindEvent",
        TraceErrorKind.InvalidArgument,
        $"{what} is not an event of {(isListen ? "listen" : "bind")}(): {why}",
        $"Give objects of {(isListen ? "Get-ListenEvent" : "Get-BindEvent")}, or of a file made of them, with the properties Comm, Uid, Gid, " +
        $"Protocol, AddressFamily, Address, Port, {(isListen ? "PortChosen, AlreadyListening" : "RequestedAddress, RequestedPort")}, ErrorCode, " +
        "and CgroupPath or Unit and ContainerId.",
        target);

    private TraceException Wrong(string why) => Wrong(_isListen, _what, why, _row.Target);

    private bool IsChosen() =>
        bool.TryParse(Text(nameof(ListenEvent.PortChosen)), out bool isChosen) ? isChosen : throw Wrong("PortChosen is neither true nor false.");

    private string? Optional(string name) => _row.Text(name);

    private string Text(string name) => _row.TryGet(name, out object? value) ? InputRow.Print(value) ?? "" : throw Wrong($"it has no property '{name}'.");

    private string? Owner(string name) =>
        _row.TryGet(name, out object? value) || _row.Has(nameof(BindEvent.CgroupPath)) ? InputRow.Print(value) : throw Wrong($"it has no property '{name}'.");

    private T Parsed<T>(string name, Func<string, T> parse)
    {
        string text = Text(name);
        try
        {
            return parse(text);
        }
        catch (TraceException exception)
        {
            throw Wrong($"{name}: {exception.Message}");
        }
    }

    private uint Number(string name, uint most) =>
        Text(name) is var text && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number <= most
            ? number
            : throw Wrong($"{name} is '{text}', not a number from 0 to {most}.");

    // -1 is no id, and no policy takes it.
    private uint? Id(string name) =>
        IsExisting && Text(name) == uint.MaxValue.ToString(CultureInfo.InvariantCulture) ? null : Number(name, uint.MaxValue - 1);

    private string? Address(string name)
    {
        string text = Text(name);
        if (text.Length == 0)
        {
            return null;
        }

        if (text.Contains('/', StringComparison.Ordinal))
        {
            throw Wrong($"{name} is '{text}', a prefix and not an address.");
        }

        _ = Parsed(name, address => AddressPrefix.Parse(address.Split('%')[0]));
        return text;
    }
}

using System.Globalization;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>
/// How many calls of bind(), or of listen(), one caller made, or one address or port had: by unit, container or whatever
/// else was asked for. Properties that the calls are not grouped by are null.
/// </summary>
public sealed class BindCountGroup
{
    private const string Unknown = "?";
    private const string None = "-";
    private const int ShownDigits = 12;

    private readonly CountGroupKey _key;
    private readonly IReadOnlyList<CountGroup> _groups;

    internal BindCountGroup(IReadOnlyList<CountGroup> groups, CountGroupKey key, long count, long failed)
    {
        _groups = groups;
        _key = key;
        Count = count;
        Failed = failed;
    }

    /// <summary>How many calls.</summary>
    public long Count { get; }

    /// <summary>How many of them failed; 0 if failures are not counted.</summary>
    public long Failed { get; }

    /// <summary>What the calls have in common, safe to print: "-" stands for none, "?" for what is not known.</summary>
    public string Name => string.Join(", ", _groups.Select(NameOf));

    /// <summary>What the calls are grouped by.</summary>
    public string GroupBy => string.Join(", ", _groups);

    /// <inheritdoc cref="BindCount.Address"/>
    public string? Address => _key.Address;

    /// <inheritdoc cref="BindCount.Port"/>
    public int? Port => _key.Port;

    /// <inheritdoc cref="BindCount.Protocol"/>
    public string? Protocol => _key.Protocol;

    /// <inheritdoc cref="TraceEvent.Comm"/>
    public string? Comm => _key.Comm;

    /// <inheritdoc cref="TraceEvent.Uid"/>
    public uint? Uid => _key.Uid;

    /// <inheritdoc cref="TraceEvent.UserName"/>
    public string? UserName => Uid is { } uid ? Users.NameOf(uid) : null;

    /// <inheritdoc cref="TraceEvent.Unit"/>
    public string? Unit => _key.Unit;

    /// <inheritdoc cref="TraceEvent.UserUnit"/>
    public string? UserUnit => _key.UserUnit;

    /// <summary>The container, if its name is not known, as the system's engine calls it.</summary>
    public string? ContainerId => _key.ContainerId;

    /// <summary>The container of a rootless engine, outside of the containers of the system's; its user can choose it.</summary>
    public string? UserContainerId => _key.UserContainerId;

    /// <inheritdoc cref="TraceEvent.ContainerName"/>
    public string? ContainerName => _key.ContainerName;

    /// <inheritdoc cref="TraceEvent.ContainerRuntime"/>
    public string? ContainerRuntime => _key.ContainerRuntime;

    /// <inheritdoc cref="TraceEvent.PodName"/>
    public string? PodName => _key.PodName;

    /// <inheritdoc cref="TraceEvent.PodNamespace"/>
    public string? PodNamespace => _key.PodNamespace;

    internal static Description<BindCountGroup> Description { get; } = new(
    [
        Field<BindCountGroup>.Number(nameof(Count), g => g.Count),
        Field<BindCountGroup>.Number(nameof(Failed), g => g.Failed),
        Field<BindCountGroup>.Text(nameof(Name), g => g.Name),
        Field<BindCountGroup>.Text(nameof(GroupBy), g => g.GroupBy),
        Field<BindCountGroup>.Text(nameof(Address), g => g.Address),
        Field<BindCountGroup>.Number(nameof(Port), g => g.Port),
        Field<BindCountGroup>.Text(nameof(Protocol), g => g.Protocol),
        Field<BindCountGroup>.Text(nameof(Comm), g => g.Comm),
        Field<BindCountGroup>.Number(nameof(Uid), g => g.Uid),
        Field<BindCountGroup>.Text(nameof(UserName), g => g.UserName),
        Field<BindCountGroup>.Text(nameof(Unit), g => g.Unit),
        Field<BindCountGroup>.Text(nameof(UserUnit), g => g.UserUnit),
        Field<BindCountGroup>.Text(nameof(ContainerId), g => g.ContainerId),
        Field<BindCountGroup>.Text(nameof(UserContainerId), g => g.UserContainerId),
        Field<BindCountGroup>.Text(nameof(ContainerName), g => g.ContainerName),
        Field<BindCountGroup>.Text(nameof(ContainerRuntime), g => g.ContainerRuntime),
        Field<BindCountGroup>.Text(nameof(PodName), g => g.PodName),
        Field<BindCountGroup>.Text(nameof(PodNamespace), g => g.PodNamespace),
    ], []);

    /// <summary>What the calls have in common of one of the groups.</summary>
    internal string NameOf(CountGroup group) => group switch
    {
        CountGroup.Address => Address ?? None,
        CountGroup.Port => string.Create(CultureInfo.InvariantCulture, $"{Port}"),
        CountGroup.Protocol => Protocol!,
        CountGroup.Comm => Comm!,
        CountGroup.User => UserName!,
        CountGroup.Unit => UserUnit is { Length: > 0 } inner ? $"{Unit}/{inner}" : Shown(Unit),
        CountGroup.Container => ContainerText,
        _ => PodName is { Length: > 0 } ? $"{PodNamespace ?? Unknown}/{PodName}" : Shown(PodName),
    };

    private string ContainerText =>
        ContainerName is { Length: > 0 } name ? PodName is { Length: > 0 } ? $"{PodNamespace ?? Unknown}/{PodName}/{name}" : name
        : ContainerId is { Length: > 0 } id ? Short(id)
        : UserContainerId is { Length: > 0 } inner ? $"{Short(inner)} (of a user)"
        : Shown(ContainerName);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: {Count}");

    private static string Shown(string? text) => text is null ? Unknown : text.Length == 0 ? None : text;

    private static string Short(string id) => id.Length > ShownDigits && id.All(char.IsAsciiHexDigitLower) ? id[..ShownDigits] : id;
}

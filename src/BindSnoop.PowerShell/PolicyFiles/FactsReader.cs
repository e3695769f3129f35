using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Management.Automation;
using System.Text.Json;
using BindSnoop.Diagnosis;
using BindSnoop.Names;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>
/// Reads events of bind() off objects: those of this session, and those that came through CSV, JSON, CliXml or
/// remoting and have but the same properties. What such a file says is not trusted.
/// </summary>
internal sealed class FactsReader
{
    // Of Time and Timestamp. Any other text can be read in more than one way: Export-Csv writes times as the culture
    // of its session has it, with day or month first, and in its calendar.
    private static readonly string[] s_timeFormats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"];

    private readonly object? _item;
    private readonly string _what;

    private FactsReader(object? item, string what)
    {
        _item = item;
        _what = what;
    }

    /// <summary>Reads one.</summary>
    /// <param name="item">A bind event, any other object with its properties, or an element of JSON.</param>
    /// <param name="what">What to call it in messages.</param>
    /// <exception cref="TraceException"><c>InvalidBindEvent</c>.</exception>
    public static BindFacts Read(object? item, string what)
    {
        FactsReader reader = new(item, what);
        object? plain = item is PSObject wrapped ? wrapped.BaseObject : item;
        BindFacts facts = plain is BindEvent own ? new BindFacts(own) : reader.Read();
        return facts.AskedForNothing || facts.IsWhole
            ? facts
            : throw reader.Wrong("the call succeeded, and yet there is no protocol or no address.");
    }

    private BindFacts Read() => new()
    {
        Time = Time(nameof(BindEvent.Timestamp)) ?? Time(nameof(BindEvent.Time)),
        ProcessId = int.TryParse(Optional(nameof(BindEvent.ProcessId)), NumberStyles.None, CultureInfo.InvariantCulture, out int processId) ? processId : null,
        Comm = Parsed(nameof(BindEvent.Comm), text => text.Length > 0 ? DisplayText.Escape(ThreadName.Parse(text)) : ""),

        // -1 is no id, and no policy takes it.
        Uid = Number(nameof(BindEvent.Uid), uint.MaxValue - 1),
        Gid = Number(nameof(BindEvent.Gid), uint.MaxValue - 1),
        UserName = Optional(nameof(BindEvent.UserName)) ?? "",
        Protocol = Parsed(nameof(BindEvent.Protocol), text => text.Length > 0 ? Protocols.Parse(text) : (ushort)0),
        AddressFamily = Enum.TryParse(Text(nameof(BindEvent.AddressFamily)), ignoreCase: true, out IPFamily family) && Enum.IsDefined(family)
            ? family
            : throw Wrong("AddressFamily is neither IPv4 nor IPv6."),
        Address = Address(nameof(BindEvent.Address)),
        Port = (int)Number(nameof(BindEvent.Port), ushort.MaxValue),
        RequestedAddress = Address(nameof(BindEvent.RequestedAddress)),
        RequestedPort = (int)Number(nameof(BindEvent.RequestedPort), ushort.MaxValue),
        ErrorCode = (int)Number(nameof(BindEvent.ErrorCode), int.MaxValue),

        Cause = BindCause.Parse(Optional(nameof(BindEvent.Cause)) ?? ""),

        // In CSV what is unknown looks like what is empty, but every cgroup has a path.
        CgroupPath = TryGet(nameof(BindEvent.CgroupPath), out object? path) ? Print(path) ?? "" : null,
        Unit = Owner(nameof(BindEvent.Unit)),
        ContainerId = Owner(nameof(BindEvent.ContainerId)),
    };

    private TraceException Wrong(string why) => new(
        "InvalidBindEvent",
        TraceErrorKind.InvalidArgument,
        $"{_what} is no event of bind(): {why}",
        "Give objects of Get-BindEvent, or of a file made of them, with the properties Comm, Uid, Gid, Protocol, AddressFamily, " +
        "Address, Port, RequestedAddress, RequestedPort, ErrorCode, and CgroupPath or Unit and ContainerId.",
        _item);

    private bool TryGet(string name, out object? value)
    {
        value = null;
        switch (_item)
        {
            case JsonElement { ValueKind: JsonValueKind.Object } json when TryGet(json, name, out JsonElement member):
                value = member.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => member.GetString(),
                    _ => member.GetRawText(),
                };
                return true;
            case PSObject item when item.Properties[name] is { } property:
                value = property.Value;
                return true;
            default:
                return false;
        }
    }

    // PowerShell ignores case.
    private static bool TryGet(JsonElement json, string name, out JsonElement member)
    {
        if (json.TryGetProperty(name, out member))
        {
            return true;
        }

        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                member = property.Value;
                return true;
            }
        }

        return false;
    }

    [return: NotNullIfNotNull(nameof(value))]
    private static string? Print(object? value) =>
        value is null ? null : DisplayText.EscapeUnsafe(string.Create(CultureInfo.InvariantCulture, $"{value}"));

    private string? Optional(string name) => TryGet(name, out object? value) ? Print(value) : null;

    private string Text(string name) => TryGet(name, out object? value) ? Print(value) ?? "" : throw Wrong($"it has no property '{name}'.");

    private string? Owner(string name) =>
        TryGet(name, out object? value) || TryGet(nameof(BindEvent.CgroupPath), out _) ? Print(value) : throw Wrong($"it has no property '{name}'.");

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

    /// <summary>A moment, if it is said without a doubt.</summary>
    private DateTime? Time(string name)
    {
        TryGet(name, out object? value);
        return (value is PSObject wrapped ? wrapped.BaseObject : value) switch
        {
            // Without a kind it is a local one, as everywhere in PowerShell.
            DateTime { Kind: DateTimeKind.Unspecified } time => DateTime.SpecifyKind(time, DateTimeKind.Local),
            DateTime time => time.ToLocalTime(),
            DateTimeOffset time => time.LocalDateTime,
            string text when DateTimeOffset.TryParseExact(
                text, s_timeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) => time.LocalDateTime,
            _ => null,
        };
    }
}

using System.Globalization;
using System.Management.Automation;
using BindSnoop.Names;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>
/// Reads events of bind() off objects: those of this session, and those that came through CSV, JSON, CliXml or
/// remoting and have but the same properties. What such a file says is not trusted.
/// </summary>
internal static class EventBag
{
    /// <summary>Reads one.</summary>
    /// <param name="item">The object.</param>
    /// <param name="what">What to call it in messages.</param>
    /// <exception cref="TraceException"><c>InvalidBindEvent</c>.</exception>
    public static BindFacts Read(PSObject? item, string what)
    {
        if (item?.BaseObject is BindEvent own)
        {
            return new BindFacts(own);
        }

        object? Optional(string name) => item?.Properties[name]?.Value;
        TraceException Wrong(string why) => new(
            "InvalidBindEvent",
            TraceErrorKind.InvalidArgument,
            $"{what} is no event of bind(): {why}",
            "Give objects of Get-BindEvent, or of a file made of them, with the properties Comm, Uid, Gid, Protocol, AddressFamily, " +
            "Address, Port, RequestedAddress, RequestedPort, ErrorCode, Unit and ContainerId.",
            item);
        string Text(string name) => item?.Properties[name] is { } property
            ? DisplayText.EscapeUnsafe(string.Create(CultureInfo.InvariantCulture, $"{property.Value}"))
            : throw Wrong($"it has no property '{name}'.");
        T Parsed<T>(string name, Func<string, T> parse)
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

        uint Number(string name, uint most) =>
            Text(name) is var text && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number <= most
                ? number
                : throw Wrong($"{name} is '{text}', not a number from 0 to {most}.");
        string? Address(string name)
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

        BindFacts facts = new()
        {
            Time = LanguagePrimitives.TryConvertTo(Optional(nameof(BindEvent.Time)), CultureInfo.InvariantCulture, out DateTime time) ? time : null,
            ProcessId = LanguagePrimitives.TryConvertTo(Optional(nameof(BindEvent.ProcessId)), CultureInfo.InvariantCulture, out int processId) ? processId : null,
            Comm = Parsed(nameof(BindEvent.Comm), text => text.Length > 0 ? DisplayText.Escape(ThreadName.Parse(text)) : ""),
            Uid = Number(nameof(BindEvent.Uid), uint.MaxValue),
            Gid = Number(nameof(BindEvent.Gid), uint.MaxValue),
            UserName = DisplayText.EscapeUnsafe($"{Optional(nameof(BindEvent.UserName))}"),
            Protocol = Parsed(nameof(BindEvent.Protocol), text => text.Length > 0 ? Protocols.Parse(text) : (ushort)0),
            AddressFamily = Enum.TryParse(Text(nameof(BindEvent.AddressFamily)), ignoreCase: true, out IPFamily family) && Enum.IsDefined(family)
                ? family
                : throw Wrong("AddressFamily is neither IPv4 nor IPv6."),
            Address = Address(nameof(BindEvent.Address)),
            Port = (int)Number(nameof(BindEvent.Port), ushort.MaxValue),
            RequestedAddress = Address(nameof(BindEvent.RequestedAddress)),
            RequestedPort = (int)Number(nameof(BindEvent.RequestedPort), ushort.MaxValue),
            ErrorCode = (int)Number(nameof(BindEvent.ErrorCode), int.MaxValue),
            Unit = Text(nameof(BindEvent.Unit)),
            ContainerId = Text(nameof(BindEvent.ContainerId)),
        };
        return facts.AskedForNothing || (facts.Address is not null && facts.Protocol != 0)
            ? facts
            : throw Wrong("the call succeeded, and yet there is no protocol or no address.");
    }
}

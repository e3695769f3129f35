using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BindSnoop;

/// <summary>An IP address or a CIDR prefix, written <c>192.0.2.1</c>, <c>10.0.0.0/8</c> or <c>2001:db8::/32</c>.</summary>
public sealed record AddressPrefix
{
    private readonly AddressValue _value;

    private AddressPrefix(IPAddress address, int length)
    {
        Address = address;
        Length = length;
        _value = AddressValue.Of(address);
    }

    /// <summary>The address; bits past the prefix are kept as they were written and do not count.</summary>
    public IPAddress Address { get; }

    /// <summary>How many leading bits count: up to 32 for IPv4, 128 for IPv6.</summary>
    public int Length { get; }

    /// <summary>Whether it is of IPv4.</summary>
    internal bool IsIPv4 => Address.AddressFamily == AddressFamily.InterNetwork;

    /// <summary>Whether it is one address and no more.</summary>
    internal bool IsWhole => Length == (Address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);

    /// <summary>Reads an address or a prefix.</summary>
    /// <exception cref="TraceException"><c>InvalidAddress</c>.</exception>
    public static AddressPrefix Parse(string text)
    {
        string trimmed = text.Trim();
        int slash = trimmed.IndexOf('/', StringComparison.Ordinal);
        string host = slash < 0 ? trimmed : trimmed[..slash];

        // IPAddress also takes "1" and "0x7f.1", and "010.0.0.1" for 8.0.0.1; nobody who filters means those.
        if (IPAddress.TryParse(host, out IPAddress? address) && !host.Contains('%', StringComparison.Ordinal) &&
            !host.Contains('[', StringComparison.Ordinal) &&
            (address.AddressFamily == AddressFamily.InterNetworkV6 || IsDottedQuad(host)))
        {
            int most = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
            int length = most;
            if (slash < 0 ||
                (int.TryParse(trimmed.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) && length <= most))
            {
                return new AddressPrefix(address, length);
            }
        }

        throw new TraceException(
            "InvalidAddress",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is not an IP address or a CIDR prefix.",
            "Give an address such as 127.0.0.1 or ::1, or a prefix such as 10.0.0.0/8 or fe80::/10.",
            text);
    }

    /// <summary>Whether the leading bits of an address of the same IP version are these.</summary>
    internal bool Contains(AddressValue address) =>
        address.Family == _value.Family && (Length == 0 || (address.Bits ^ _value.Bits) >> (128 - Length) == 0);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Length}");

    private static bool IsDottedQuad(string host)
    {
        string[] parts = host.Split('.');
        return parts.Length == 4 && parts.All(
            p => byte.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _) && (p.Length == 1 || p[0] != '0'));
    }
}

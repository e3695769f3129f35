using System.Net;

namespace BindSnoop;

/// <summary>A bind that somebody wants to make: what of it decides whether the kernel lets it happen.</summary>
public sealed record BindRequest
{
    /// <summary>The port; 0 for one of the kernel's choice.</summary>
    public ushort Port { get; init; }

    /// <summary>The address. By default all of both IP versions; IPv6 addresses may have a scope.</summary>
    public IPAddress Address { get; init; } = IPAddress.IPv6Any;

    /// <summary>The protocol's number.</summary>
    public ushort Protocol { get; init; } = 6;

    /// <summary>IPV6_V6ONLY: leave IPv4 alone.</summary>
    public bool IPv6Only { get; init; }

    /// <summary>SO_REUSEADDR.</summary>
    public bool ReuseAddress { get; init; }

    /// <summary>SO_REUSEPORT.</summary>
    public bool ReusePort { get; init; }

    /// <summary>The interface to bind the socket to (SO_BINDTODEVICE), by index; 0 for none.</summary>
    public uint InterfaceIndex { get; init; }

    /// <summary>The process that would bind: its user, capabilities and network namespace count where none is named. Null for this one.</summary>
    public uint? ProcessId { get; init; }

    /// <summary>The user who would bind. Null for that of the process.</summary>
    public uint? Uid { get; init; }

    /// <summary>The network namespace, by inode number. Null for that of the process.</summary>
    public uint? NetworkNamespace { get; init; }

    /// <summary>Reads an address, in brackets or not, with or without a scope; <c>*</c> is all addresses of both IP versions.</summary>
    /// <exception cref="TraceException"><c>InvalidAddress</c>.</exception>
    public static IPAddress ParseAddress(string text)
    {
        if (text == "*")
        {
            return IPAddress.IPv6Any;
        }

        string host = text.StartsWith('[') && text.EndsWith(']') ? text[1..^1] : text;
        int scope = host.IndexOf('%', StringComparison.Ordinal);
        AddressPrefix prefix = AddressPrefix.Parse(scope < 0 ? host : host[..scope]);
        return prefix.IsWhole && !host.Contains('/', StringComparison.Ordinal) && (scope < 0 || (!prefix.IsIPv4 && scope + 1 < host.Length)) && IPAddress.TryParse(host, out IPAddress? address)
            ? address
            : throw new TraceException(
                "InvalidAddress",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(text)}' is not an address that a socket can be bound to.",
                "Give one address such as 127.0.0.1, ::1 or fe80::1%eth0, or * for all.",
                text);
    }
}

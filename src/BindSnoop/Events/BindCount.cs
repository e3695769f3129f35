using BindSnoop.Events;
using BindSnoop.Kernel;

namespace BindSnoop;

/// <summary>How often an address and port was bound, with a protocol, on an interface and with a result.</summary>
public sealed class BindCount
{
    internal BindCount(in BindCountKey key, long count)
    {
        Address = TraceEvent.AddressText(key.Address, key.AddressFamily, key.InterfaceIndex);
        AddressFamily = TraceEvent.FamilyName(key.AddressFamily);
        Port = key.Port;
        ProtocolNumber = key.ProtocolNumber;
        InterfaceIndex = (int)key.InterfaceIndex;
        ErrorCode = key.ErrorCode;
        Count = count;
    }

    /// <summary>The address bound, or requested in vain.</summary>
    public string Address { get; }

    /// <summary>IPv4 or IPv6.</summary>
    public string AddressFamily { get; }

    /// <summary>The port bound, or requested in vain; 0 of raw sockets.</summary>
    public int Port { get; }

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf((ushort)ProtocolNumber);

    /// <summary>The protocol's number.</summary>
    public int ProtocolNumber { get; }

    /// <summary>The interface that the socket is bound to, or 0.</summary>
    public int InterfaceIndex { get; }

    /// <summary>0, or a positive errno.</summary>
    public int ErrorCode { get; }

    /// <summary>The name of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>How many calls.</summary>
    public long Count { get; }
}

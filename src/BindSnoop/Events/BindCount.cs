using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>How often an address and port was bound, or listened on, with a protocol, on an interface and with a result.</summary>
public sealed class BindCount
{
    private readonly BindCountKey _key;

    internal BindCount(in BindCountKey key, long count, EventDefinition kind)
    {
        Kind = kind;
        _key = key;
        Count = count;
    }

    /// <summary>The kind of event that was counted.</summary>
    internal EventDefinition Kind { get; }

    /// <summary>The address bound, or that was refused; null if the call named none.</summary>
    public string? Address => _key.NamedFamily == BindEvent.NoAddress
        ? null
        : TraceEvent.AddressText(_key.Address, _key.NamedFamily, _key.InterfaceIndex);

    /// <summary>The port bound, or that was refused; 0 of raw sockets.</summary>
    public int Port => _key.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80; null without an address.</summary>
    public string? Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The name of <see cref="Port"/> in the machine's services database; empty if it has none.</summary>
    public string ServiceName => Services.NameOf(Port, ProtocolNumber);

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf(_key.ProtocolNumber);

    /// <summary>The protocol's number.</summary>
    public int ProtocolNumber => _key.ProtocolNumber;

    /// <summary>IPv4 or IPv6.</summary>
    public string AddressFamily => TraceEvent.FamilyName(_key.AddressFamily);

    /// <summary>The interface that the socket is bound to, or 0.</summary>
    public int InterfaceIndex => (int)_key.InterfaceIndex;

    /// <summary>0, or a positive errno.</summary>
    public int ErrorCode => _key.ErrorCode;

    /// <summary>The name of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>How many calls.</summary>
    public long Count { get; }

    internal static Description<BindCount> Description { get; } = new(
    [
        Field<BindCount>.Text(nameof(Address), c => c.Address),
        Field<BindCount>.Number(nameof(Port), c => c.Port),
        Field<BindCount>.Text(nameof(Protocol), c => c.Protocol),
        Field<BindCount>.Number(nameof(ProtocolNumber), c => c.ProtocolNumber),
        Field<BindCount>.Text(nameof(AddressFamily), c => c.AddressFamily),
        Field<BindCount>.Number(nameof(InterfaceIndex), c => c.InterfaceIndex),
        Field<BindCount>.Number(nameof(ErrorCode), c => c.ErrorCode),
        Field<BindCount>.Text(nameof(ErrorName), c => c.ErrorName),
        Field<BindCount>.Number(nameof(Count), c => c.Count),
    ], []);

    /// <summary>Sums the counts of different callers.</summary>
    internal static List<BindCount> Merge(IReadOnlyList<BindCount> counts) =>
    [
        .. counts
            .GroupBy(c => Convert.ToHexString(SampleBytes.Of(c._key)))
            .Select(g => new BindCount(g.First()._key, g.Sum(c => c.Count), g.First().Kind)),
    ];

    /// <summary>Highest first; those of the same height by family, address, port and protocol.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Compare(BindCount a, BindCount b)
    {
        int order = b.Count.CompareTo(a.Count);
        order = order != 0 ? order : a._key.AddressFamily.CompareTo(b._key.AddressFamily);
        order = order != 0 ? order : ((ReadOnlySpan<byte>)a._key.Address).SequenceCompareTo(b._key.Address);
        order = order != 0 ? order : a.Port.CompareTo(b.Port);
        return order != 0 ? order : a.ProtocolNumber.CompareTo(b.ProtocolNumber);
    }
}

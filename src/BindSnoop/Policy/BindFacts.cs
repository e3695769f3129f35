using System.Diagnostics.CodeAnalysis;
using System.Net;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>What policies judge of a bind, of whatever it was read from.</summary>
internal sealed class BindFacts
{
    private readonly BindEvent? _source;
    private CgroupOwner? _owner;
    private string? _cause;
    private string? _unit;
    private string? _containerId;
    private IReadOnlyList<AddressValue>? _addresses;

    public BindFacts()
    {
    }

    [SetsRequiredMembers]
    public BindFacts(BindEvent source)
    {
        _source = source;
        Time = source.Time;
        ProcessId = source.ProcessId;
        Comm = source.Comm;
        Uid = source.Uid;
        Gid = source.Gid;
        UserName = source.UserName;
        Protocol = (ushort)source.ProtocolNumber;
        AddressFamily = source.AddressFamily == nameof(IPFamily.IPv4) ? IPFamily.IPv4 : IPFamily.IPv6;
        Address = source.Address;
        Port = source.Port;
        RequestedAddress = source.RequestedAddress;
        RequestedPort = source.RequestedPort;
        ErrorCode = source.ErrorCode;
        CgroupPath = source.CgroupPath;
    }

    public DateTime? Time { get; init; }

    public int? ProcessId { get; init; }

    public required string Comm { get; init; }

    public required uint Uid { get; init; }

    public required uint Gid { get; init; }

    public string UserName { get; init; } = "";

    public required ushort Protocol { get; init; }

    public required IPFamily AddressFamily { get; init; }

    public required string? Address { get; init; }

    public required int Port { get; init; }

    public required string? RequestedAddress { get; init; }

    public required int RequestedPort { get; init; }

    public required int ErrorCode { get; init; }

    /// <summary>Empty where it is not known. What is read off it counts more than what is given; null if it was not given.</summary>
    public string? CgroupPath { get; init; }

    /// <summary>The unit of the system, empty if there is none, null if it is not known.</summary>
    public string? Unit
    {
        get => CgroupPath is null ? _unit : Owner.Unit;
        init => _unit = value;
    }

    /// <summary>The container, empty outside of containers, null if it is not known.</summary>
    public string? ContainerId
    {
        get => CgroupPath is null ? _containerId : Owner.ContainerId;
        init => _containerId = value;
    }

    /// <summary>Why it failed; null if it succeeded, or was not explained. Of an event, reading this waits until it is known.</summary>
    public string? Cause
    {
        get => _source is null ? _cause : _source.Cause;
        init => _cause = value;
    }

    /// <summary>
    /// The address that is judged. Of a success it is what the socket got: what was asked for can be rewritten by the
    /// kernel's hooks, and by other threads while the call runs. A failed call has nothing but what it asked for.
    /// </summary>
    public string? JudgedAddress => ErrorCode == 0 ? Address : RequestedAddress;

    /// <summary>The port that is judged, likewise.</summary>
    public int JudgedPort => ErrorCode == 0 ? Port : RequestedPort;

    /// <summary>
    /// Whether the call failed because it named no socket or no IP address: there is nothing then that it could
    /// have bound, and so nothing to judge.
    /// </summary>
    public bool AskedForNothing => ErrorCode != 0 && !IsWhole;

    /// <summary>Whether the protocol and the address are known, without which a bind that succeeded can't be judged.</summary>
    public bool IsWhole => JudgedAddress is not null && Protocol != 0;

    /// <summary>The addresses that a rule may name: an IPv4 one in an IPv6 guise counts as both.</summary>
    public IReadOnlyList<AddressValue> Addresses => _addresses ??= ReadAddresses();

    // Reading it takes longer than all the rest, and few rules ask.
    private CgroupOwner Owner => _owner ??= CgroupOwner.Of(CgroupPath!);

    private List<AddressValue> ReadAddresses()
    {
        List<AddressValue> addresses = [];
        if (JudgedAddress is { } text && IPAddress.TryParse(text, out IPAddress? address))
        {
            addresses.Add(AddressValue.Of(address));
            if (address.IsIPv4MappedToIPv6)
            {
                addresses.Add(AddressValue.Of(address.MapToIPv4()));
            }
        }

        return addresses;
    }
}

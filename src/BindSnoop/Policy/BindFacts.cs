using System.Diagnostics.CodeAnalysis;
using System.Net;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>What policies judge of a bind, of whatever it was read from.</summary>
internal sealed class BindFacts
{
    private string? _unit;
    private string? _containerId;
    private IReadOnlyList<AddressValue>? _addresses;

    public BindFacts()
    {
    }

    [SetsRequiredMembers]
    public BindFacts(BindEvent source)
    {
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

    /// <summary>From where the unit and the container are read off, if they are not given.</summary>
    public string CgroupPath { get; init; } = "";

    // Reading them takes longer than all the rest, and few rules ask.
    public string Unit
    {
        get => _unit ??= CgroupNames.UnitOf(CgroupPath);
        init => _unit = value;
    }

    public string ContainerId
    {
        get => _containerId ??= CgroupNames.ContainerOf(CgroupPath);
        init => _containerId = value;
    }

    /// <summary>
    /// Whether the call failed because it named no socket or no IP address: there is nothing then that it could
    /// have bound, and so nothing to judge.
    /// </summary>
    public bool AskedForNothing => ErrorCode != 0 && (Address is null || Protocol == 0);

    /// <summary>The addresses that a rule may name: the requested and the resulting one, and IPv4 ones in an IPv6 guise as both.</summary>
    public IReadOnlyList<AddressValue> Addresses => _addresses ??= ReadAddresses();

    private List<AddressValue> ReadAddresses()
    {
        List<AddressValue> addresses = [];
        foreach (string? text in RequestedAddress == Address ? [Address] : new[] { Address, RequestedAddress })
        {
            if (text is not null && IPAddress.TryParse(text, out IPAddress? address))
            {
                addresses.Add(AddressValue.Of(address));
                if (address.IsIPv4MappedToIPv6)
                {
                    addresses.Add(AddressValue.Of(address.MapToIPv4()));
                }
            }
        }

        return addresses;
    }
}

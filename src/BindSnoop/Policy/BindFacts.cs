using System.Diagnostics.CodeAnalysis;
using System.Net;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>What policies judge about a call of bind() or listen(), whatever it was read from.</summary>
internal sealed class BindFacts
{
    private readonly Func<string?>? _readCause;
    private CgroupOwner? _owner;
    private string? _cause;
    private string? _unit;
    private string? _containerId;
    private string? _containerName;
    private string? _podName;
    private string? _podNamespace;
    private IReadOnlyList<AddressValue>? _addresses;

    public BindFacts()
    {
    }

    [SetsRequiredMembers]
    public BindFacts(BindEvent source)
        : this((TraceEvent)source)
    {
        _readCause = () => source.Cause;
        Address = source.Address;
        RequestedAddress = source.RequestedAddress;
        RequestedPort = source.Existing ? null : source.RequestedPort;
        if (source.Existing)
        {
            Comm = source.ProcessId == 0 ? null : source.Comm;
            Uid = source.Uid == uint.MaxValue ? null : source.Uid;
            Gid = null;
        }
    }

    [SetsRequiredMembers]
    public BindFacts(ListenEvent source)
        : this((TraceEvent)source)
    {
        _readCause = () => source.Cause;
        Call = BindPolicyCall.Listen;
        Address = RequestedAddress = source.Address;
        RequestedPort = source.PortChosen ? 0 : source.Port;
    }

    [SetsRequiredMembers]
    private BindFacts(TraceEvent source)
    {
        Time = source.Time;
        ProcessId = source.ProcessId;
        Comm = source.Comm;
        Uid = source.Uid;
        Gid = source.Gid;
        UserName = source.UserName;
        (int protocol, string family, Port) = source.LocalEnd;
        Protocol = (ushort)protocol;
        AddressFamily = family == nameof(IPFamily.IPv4) ? IPFamily.IPv4 : IPFamily.IPv6;
        ErrorCode = source.ErrorCode;
        CgroupPath = source.CgroupPath;
        ContainerName = source.ContainerName;
        PodName = source.PodName;
        PodNamespace = source.PodNamespace;
    }

    public BindPolicyCall Call { get; init; }

    public DateTime? Time { get; init; }

    public int? ProcessId { get; init; }

    /// <summary>The thread's name; null if it is not known, as of a socket that was found and that no process is known to hold.</summary>
    public required string? Comm { get; init; }

    /// <summary>The real user id; null if it is not known.</summary>
    public required uint? Uid { get; init; }

    /// <summary>The real group id; null if it is not known, as of a socket that was found.</summary>
    public required uint? Gid { get; init; }

    public string UserName { get; init; } = "";

    public required ushort Protocol { get; init; }

    public required IPFamily AddressFamily { get; init; }

    public required string? Address { get; init; }

    public required int Port { get; init; }

    public required string? RequestedAddress { get; init; }

    /// <summary>The port requested; 0 leaves the choice to the kernel, as listen() without bind() does. Null if unknown, as for a socket that existed before the trace.</summary>
    public required int? RequestedPort { get; init; }

    public required int ErrorCode { get; init; }

    /// <summary>Empty if it is not known. What is read off it counts more than what is given; null if it was not given.</summary>
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

    /// <summary>The name of that container; empty outside of containers, null if it is not known.</summary>
    public string? ContainerName
    {
        get => OfContainer(_containerName);
        init => _containerName = value;
    }

    /// <summary>Its pod; empty without one, null if it is not known.</summary>
    public string? PodName
    {
        get => OfPod(_podName);
        init => _podName = value;
    }

    /// <summary>The pod's namespace, likewise.</summary>
    public string? PodNamespace
    {
        get => OfPod(_podNamespace);
        init => _podNamespace = value;
    }

    /// <summary>Why it failed; null if it succeeded, or was not explained. Of an event, reading this waits until it is known.</summary>
    public string? Cause
    {
        get => _readCause is null ? _cause : _readCause();
        init => _cause = value;
    }

    /// <summary>
    /// The address that is judged. For a success, it is what the socket got, because the kernel's hooks, and other threads
    /// during the call, can rewrite what was requested. A failed call has only what it requested.
    /// </summary>
    public string? JudgedAddress => ErrorCode == 0 ? Address : RequestedAddress;

    /// <summary>The port that is judged, likewise.</summary>
    public int JudgedPort => ErrorCode == 0 ? Port : RequestedPort ?? Port;

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

    // What is unknown may be written like what is empty, but every container has a name.
    private string? OfContainer(string? given) => ContainerId is not { Length: > 0 } ? ContainerId : given is { Length: > 0 } ? given : null;

    private string? OfPod(string? given) => ContainerName is { Length: > 0 } ? given : ContainerName;

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

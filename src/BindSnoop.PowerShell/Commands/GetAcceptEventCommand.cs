using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Streams TCP connections as processes accept them.</summary>
[Cmdlet(VerbsCommon.Get, "AcceptEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(AcceptEvent))]
public sealed class GetAcceptEventCommand : FilterCommand
{
    private const string WithErrorTypeName = "BindSnoop.AcceptEvent#IncludeError";

    /// <summary>Local ports: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(ParameterSetName = LiveSet, Position = 0)]
    [Alias("LocalPort")]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>Ports of the peers.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string[] RemotePort { get; set; } = [];

    /// <summary>Local addresses or CIDR prefixes.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes of the peers.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string[] RemoteAddress { get; set; } = [];

    /// <summary>With -IncludeError: calls that found no connection on a non-blocking socket (EAGAIN), too.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter IncludeWouldBlock { get; set; }

    /// <summary>How long to trace; a number is seconds. Without it: until Ctrl-C.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Duration]
    public TimeSpan? Duration { get; set; }

    /// <summary>Ends after so many events.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateRange(1, long.MaxValue)]
    public long MaxEvents { get; set; } = long.MaxValue;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (!NothingToTrace)
        {
            Stream(() => new AcceptTracer(ReadOptions()), Duration, MaxEvents, Write);
        }
    }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with
    {
        Port = Port.Select(PortRange.Parse).ToArray(),
        RemotePort = RemotePort.Select(PortRange.Parse).ToArray(),
        Address = Address.Select(AddressPrefix.Parse).ToArray(),
        RemoteAddress = RemoteAddress.Select(AddressPrefix.Parse).ToArray(),
        IncludeWouldBlock = IncludeWouldBlock,
    };

    private void Write(AcceptEvent next) => WriteEvent(next, IncludeError ? WithErrorTypeName : null);
}

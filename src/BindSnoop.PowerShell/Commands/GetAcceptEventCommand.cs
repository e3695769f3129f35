using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Streams TCP connections as processes accept them.</summary>
[Cmdlet(VerbsCommon.Get, "AcceptEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(AcceptEvent))]
public sealed class GetAcceptEventCommand : LiveCallCommand<AcceptEvent>
{
    /// <summary>Ports of the peers.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string[] RemotePort { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes of the peers.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string[] RemoteAddress { get; set; } = [];

    /// <summary>With -IncludeError: calls that found no connection on a non-blocking socket (EAGAIN), too.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter IncludeWouldBlock { get; set; }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with
    {
        RemotePort = RemotePort.Select(PortRange.Parse).ToArray(),
        RemoteAddress = RemoteAddress.Select(AddressPrefix.Parse).ToArray(),
        IncludeWouldBlock = IncludeWouldBlock,
    };

    private protected override Tracer<AcceptEvent> Start(TraceOptions options) => new AcceptTracer(options);
}

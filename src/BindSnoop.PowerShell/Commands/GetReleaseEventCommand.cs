using System.Management.Automation;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Streams ports as bound sockets release them.</summary>
[Cmdlet(VerbsCommon.Get, "ReleaseEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(ReleaseEvent))]
public sealed class GetReleaseEventCommand : LiveEventCommand<ReleaseEvent>
{
    /// <summary>Protocols, by name or number.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with { Protocol = Protocol.Select(Protocols.Parse).ToArray() };

    private protected override Tracer<ReleaseEvent> Start(TraceOptions options) => new ReleaseTracer(options);
}

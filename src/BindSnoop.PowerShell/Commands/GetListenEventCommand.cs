using System.Management.Automation;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Streams calls of listen().</summary>
[Cmdlet(VerbsCommon.Get, "ListenEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(ListenEvent))]
public sealed class GetListenEventCommand : LiveCallCommand<ListenEvent>
{
    /// <summary>The type name that makes the default view show explanations.</summary>
    private const string ExplainedTypeName = "BindSnoop.ListenEvent#Explain";

    private ListenTracer? _tracer;

    /// <summary>Protocols, by name or number.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    /// <summary>Explains failures: why, who is in the way, and what would help.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter Explain { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        base.EndProcessing();
        WriteNotExplained(_tracer?.NotExplained ?? 0, "listens");
    }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with { Protocol = Protocol.Select(Protocols.Parse).ToArray() };

    private protected override Tracer<ListenEvent> Start(TraceOptions options) => _tracer = new ListenTracer(options with { Explain = Explain });

    private protected override void Write(ListenEvent next)
    {
        if (Explain)
        {
            WriteEvent(next, ExplainedTypeName);
        }
        else
        {
            base.Write(next);
        }
    }
}

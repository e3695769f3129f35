using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Starts a trace that runs in the background.</summary>
[Cmdlet(VerbsLifecycle.Start, "BindTrace", DefaultParameterSetName = LiveSet, SupportsShouldProcess = true)]
[OutputType(typeof(BindTrace))]
public sealed class StartBindTraceCommand : BindFilterCommand
{
    /// <summary>A name that no other trace has; one is made up if none is given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Whether to collect events or to count in the kernel.</summary>
    [Parameter]
    public BindTraceMode Mode { get; set; }

    /// <summary>How many events are kept until they are fetched; the oldest go first, and are counted.</summary>
    [Parameter]
    public int MaxQueued { get; set; } = BindTrace.DefaultMaxQueued;

    /// <summary>Of Count mode: how many combinations of address, port, protocol and result can be counted.</summary>
    [Parameter]
    public int Capacity { get; set; } = TraceOptions.DefaultCountCapacity;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (NothingToTrace || !ShouldProcess(Name ?? "BindTrace", "Start-BindTrace"))
        {
            return;
        }

        BindTrace trace = Try(() => BindSnoopModule.Registry.Start(Name, Mode, ReadOptions() with { CountCapacity = Capacity }, MaxQueued));
        WriteBackend(trace.Backend, trace.Refusals);
        WriteObject(trace);
    }
}

/// <summary>Lists background traces.</summary>
[Cmdlet(VerbsCommon.Get, "BindTrace")]
[OutputType(typeof(BindTrace))]
public sealed class GetBindTraceCommand : PSCmdlet
{
    /// <summary>Names or patterns.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(TraceNameCompleter))]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = ["*"];

    /// <inheritdoc/>
    protected override void ProcessRecord() => WriteObject(TraceLookup.ByName(this, Name), enumerateCollection: true);
}

/// <summary>What works on traces given by name or object.</summary>
public abstract class BindTraceActionCommand : PSCmdlet
{
    private const string NameSet = "Name";
    private const string InputSet = "InputObject";

    /// <summary>Names or patterns.</summary>
    [Parameter(ParameterSetName = NameSet, Position = 0, Mandatory = true)]
    [ArgumentCompleter(typeof(TraceNameCompleter))]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>Traces from Start-BindTrace or Get-BindTrace.</summary>
    [Parameter(ParameterSetName = InputSet, Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("Trace")]
    public BindTrace[] InputObject { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        IEnumerable<BindTrace> traces = ParameterSetName == NameSet ? TraceLookup.ByName(this, Name) : InputObject;
        foreach (BindTrace trace in traces)
        {
            if (ShouldProcess(trace.Name))
            {
                Act(trace);
            }
        }
    }

    /// <summary>What is to be done.</summary>
    protected abstract void Act(BindTrace trace);
}

/// <summary>Stops background traces; what they collected can still be fetched.</summary>
[Cmdlet(VerbsLifecycle.Stop, "BindTrace", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[OutputType(typeof(BindTrace))]
public sealed class StopBindTraceCommand : BindTraceActionCommand
{
    /// <summary>Hands the trace on.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Act(BindTrace trace)
    {
        trace.Stop();
        if (PassThru)
        {
            WriteObject(trace);
        }
    }
}

/// <summary>Stops background traces and frees them, with all that they collected.</summary>
[Cmdlet(VerbsCommon.Remove, "BindTrace", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
public sealed class RemoveBindTraceCommand : BindTraceActionCommand
{
    /// <inheritdoc/>
    protected override void Act(BindTrace trace) => BindSnoopModule.Registry.Remove(trace);
}

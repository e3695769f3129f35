using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

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

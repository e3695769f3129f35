using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>What takes background traces by name or object.</summary>
public abstract class BindTraceInputCommand : TraceCommand
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
        foreach (BindTrace trace in ParameterSetName == NameSet ? TraceLookup.ByName(this, Name) : InputObject)
        {
            Take(trace);
        }
    }

    /// <summary>Does it to one of them.</summary>
    protected abstract void Take(BindTrace trace);
}

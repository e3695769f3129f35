using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

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

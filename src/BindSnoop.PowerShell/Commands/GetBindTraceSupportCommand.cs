using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Shows what this machine and this process can trace, and how to enable the rest.</summary>
[Cmdlet(VerbsCommon.Get, "BindTraceSupport")]
[OutputType(typeof(TraceSupport))]
public sealed class GetBindTraceSupportCommand : PSCmdlet
{
    /// <inheritdoc/>
    protected override void EndProcessing() => WriteObject(TraceSupport.Probe());
}

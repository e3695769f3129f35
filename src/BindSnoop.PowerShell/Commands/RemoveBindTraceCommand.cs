using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Stops background traces, and discards everything they collected.</summary>
[Cmdlet(VerbsCommon.Remove, "BindTrace", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
public sealed class RemoveBindTraceCommand : BindTraceActionCommand
{
    /// <inheritdoc/>
    protected override void Act(BindTrace trace) => BindSnoopModule.Registry.Remove(trace);
}

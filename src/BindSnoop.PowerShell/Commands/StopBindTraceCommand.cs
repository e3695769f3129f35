using System.Management.Automation;

namespace BindSnoop.PowerShell;

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

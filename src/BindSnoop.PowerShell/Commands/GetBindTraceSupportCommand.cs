using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Shows what this machine and this process can trace, and how to enable the rest.</summary>
[Cmdlet(VerbsCommon.Get, "BindTraceSupport")]
[OutputType(typeof(TraceSupport))]
public sealed class GetBindTraceSupportCommand : PSCmdlet
{
    // As with those of PowerShell's own: the view goes by the name.
    private const string DetailedType = "BindSnoop.TraceSupport#Detailed";

    /// <summary>Lists what was compared to prove each back end.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        PSObject found = PSObject.AsPSObject(TraceSupport.Probe());
        if (Detailed)
        {
            found.TypeNames.Insert(0, DetailedType);
        }

        WriteObject(found);
    }
}

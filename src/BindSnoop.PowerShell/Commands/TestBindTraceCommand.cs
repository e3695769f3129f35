using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Makes running traces prove again that they see what happens.</summary>
[Cmdlet(VerbsDiagnostic.Test, "BindTrace", DefaultParameterSetName = "Name")]
[OutputType(typeof(BindTraceTest), typeof(bool))]
public sealed class TestBindTraceCommand : BindTraceInputCommand
{
    /// <summary>A boolean for each trace.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void Take(BindTrace trace)
    {
        BindTraceTest test;
        try
        {
            test = trace.Test();
        }
        catch (TraceException exception)
        {
            WriteError(ToErrorRecord(exception));
            return;
        }

        if (!Quiet)
        {
            WriteObject(test);
            return;
        }

        if (test.Proven is null)
        {
            WriteWarning(test.ToString());
        }

        WriteObject(test.Proven == true);
    }
}

namespace BindSnoop.PowerShell;

/// <summary>What does something to background traces, and can be asked what it would do.</summary>
public abstract class BindTraceActionCommand : BindTraceInputCommand
{
    /// <inheritdoc/>
    protected override void Take(BindTrace trace)
    {
        if (ShouldProcess(trace.Name))
        {
            Act(trace);
        }
    }

    /// <summary>What is to be done.</summary>
    protected abstract void Act(BindTrace trace);
}

namespace BindSnoop.PowerShell;

/// <summary>A cmdlet that changes background traces, with -WhatIf and -Confirm.</summary>
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

using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>What the cmdlets share that stream until a time or a number is reached, and do nothing else.</summary>
public abstract class StreamCommand : FilterCommand
{
    /// <summary>How long to trace; a number is seconds. Without it: until Ctrl-C.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Duration]
    public TimeSpan? Duration { get; set; }

    /// <summary>Ends after so many events, or violations.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateRange(1, long.MaxValue)]
    public long MaxEvents { get; set; } = long.MaxValue;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (!NothingToTrace)
        {
            Stream();
        }
    }

    /// <summary>Streams; there is something to trace.</summary>
    private protected abstract void Stream();
}

using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>What all cmdlets share: an end on request, and errors that PowerShell understands.</summary>
public abstract class TraceCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Cancelled by Ctrl-C and by whatever else stops the pipeline.</summary>
    protected CancellationToken StopToken => _stopping.Token;

    /// <inheritdoc/>
    protected override void StopProcessing() => _stopping.Cancel();

    /// <summary>Called by PowerShell however the pipeline ends.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the cmdlet holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stopping.Dispose();
        }
    }

    /// <summary>Runs an engine call; what it throws for the user ends the pipeline as a proper error.</summary>
    protected T Try<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (TraceException exception)
        {
            ThrowTerminatingError(ToErrorRecord(exception));
            throw;
        }
    }

    /// <summary>The same, of a call that gives nothing.</summary>
    protected void Try(Action call) => Try(() =>
    {
        call();
        return true;
    });

    /// <summary>The error as PowerShell shows and filters it.</summary>
    protected static ErrorRecord ToErrorRecord(TraceException exception)
    {
        ErrorCategory category = Enum.TryParse(exception.Kind.ToString(), out ErrorCategory same) ? same : ErrorCategory.NotSpecified;
        return new ErrorRecord(exception, exception.ErrorId, category, exception.Target)
        {
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = exception.RecommendedAction },
        };
    }

    /// <summary>Says of a background trace that it failed, and why.</summary>
    private protected void WriteFailure(BindTrace trace)
    {
        if (trace.Failure is { } failure)
        {
            WriteError(ToErrorRecord(failure));
        }
    }

    /// <summary>Says which back end is in use, and why not another.</summary>
    protected void WriteBackend(Backend backend, string blind, IReadOnlyList<BackendRefusal> refusals)
    {
        foreach (BackendRefusal refusal in refusals)
        {
            WriteVerbose($"The {refusal.Backend} back end is not used: {refusal.Error.Message}");
            if (refusal.Error.InnerException is { } log)
            {
                WriteDebug(log.Message);
            }
        }

        if (blind.Length > 0)
        {
            WriteVerbose($"Not seen this way: {blind}");
        }

        WriteVerbose($"Tracing through the {backend} back end.");
    }

    /// <summary>Warns about lost calls, and tells whether there were any.</summary>
    protected bool WarnOfLoss(TraceStatistics statistics)
    {
        long dropped = statistics.Dropped;
        if (dropped > 0)
        {
            string lost = dropped == 1 ? "1 call was lost" : $"{dropped} calls were lost";
            WriteWarning(statistics.IsMostlyMissed
                ? $"{lost}: the kernel did not run the program that tells of it. Another -Backend may see it."
                : $"{lost}: {(dropped == 1 ? "it came faster than it was" : "they came faster than they were")} read. A larger -BufferSize or a narrower filter helps.");
        }

        return dropped > 0;
    }
}

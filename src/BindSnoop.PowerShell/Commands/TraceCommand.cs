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
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = $"{exception.RecommendedAction}{HintFor(exception.ErrorId)}" },
        };
    }

    // The engine knows no cmdlet.
    private static string HintFor(string errorId) => errorId switch
    {
        "GroupByWithoutCount" => " Start-BindTrace -Mode Count; or Get-BindEvent -Trace … | Group-Object ContainerName.",
        "NotCounting" => " Start-BindTrace -Mode Count; or Get-BindEvent -Trace … | Group-Object Address, Port.",
        "CallsMissing" => " Get-ListenEvent and Get-BindEvent emit them; Get-BindViolation traces every call that the policy has rules for.",
        "TraceRemoved" => " Stop-BindTrace keeps what was collected.",
        _ => "",
    };

    /// <summary>Says of a background trace that it failed, and why.</summary>
    private protected void WriteFailure(BindTrace trace)
    {
        if (trace.Failure is { } failure)
        {
            WriteError(ToErrorRecord(failure));
        }
    }

    /// <summary>Says which back end is in use, and why not another.</summary>
    protected void WriteBackend(Backend backend, string blind, TraceProof proof, IReadOnlyList<BackendRefusal> refusals)
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

        WriteVerbose(proof.ToString());
        WriteVerbose($"Tracing through the {backend} back end.");
    }

    /// <summary>Warns of lost calls.</summary>
    private protected void WriteLoss(LossReport? loss)
    {
        if (loss is not null)
        {
            Warn($"{loss.Message} {HelpAgainst(loss.Cause)}");
        }
    }

    /// <summary>
    /// Warns. When the pipeline is being stopped, no cmdlet may write any more; then it goes to the host itself, if
    /// warnings are wanted.
    /// </summary>
    private protected void Warn(string warning)
    {
        try
        {
            WriteWarning(warning);
        }
        catch (PipelineStoppedException) when (Stopping)
        {
            object? preference = MyInvocation.BoundParameters.TryGetValue("WarningAction", out object? own) ? own : GetVariableValue("WarningPreference");
            if (!LanguagePrimitives.TryConvertTo(preference, out ActionPreference action) ||
                action is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore))
            {
                Host.UI.WriteWarningLine(warning);
            }
        }
    }

    private static string HelpAgainst(LossCause cause) => cause switch
    {
        LossCause.BufferFull => "A larger -BufferSize or a narrower filter helps.",
        LossCause.NotRun => "Another -Backend may see them.",
        LossCause.TableFull => "A larger -Capacity or a narrower filter helps.",
        _ => "A larger -MaxQueued, a narrower filter, or Get-BindEvent -Wait helps.",
    };
}

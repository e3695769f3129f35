using System.Management.Automation;
using BindSnoop.PowerShell.PolicyFiles;

namespace BindSnoop.PowerShell;

/// <summary>Traces the calls that a policy judges, and streams those that it does not allow.</summary>
[Cmdlet(VerbsCommon.Get, "BindViolation", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(BindViolation))]
public sealed class GetBindViolationCommand : StreamCommand
{
    /// <summary>What calls are judged by: of New-BindPolicy, a hashtable, or the path of a file.</summary>
    [Parameter(ParameterSetName = LiveSet, Mandatory = true, Position = 0)]
    [ValidateNotNull]
    public object Policy { get; set; } = null!;

    private protected override void Stream()
    {
        BindPolicy policy = Try(() => PolicyFile.Of(Policy, nameof(Policy), GetUnresolvedProviderPathFromPSPath));
        TimeSpan? duration = Duration is { } time ? Try(() => TraceDuration.Check(time)) : null;
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(StopToken);
        using PolicyTrace trace = Try(() => new PolicyTrace(policy, ReadOptions()));
        foreach ((Backend backend, string blind, TraceProof proof, IReadOnlyList<BackendRefusal> refusals) in trace.Backends)
        {
            WriteBackend(backend, blind, proof, refusals);
        }

        JudgedCalls judged = new(policy);
        long violations = 0;
        trace.OnLoss = WriteLoss;
        trace.OnWarning = Warn;
        ProgressBar bar = new(this, "Tracing", duration ?? TimeSpan.Zero);
        trace.OnLook = () => bar.Show(() => $"{judged} judged, {violations} violations so far");
        try
        {
            trace.Read(Judge, duration, enough.Token);
        }
        finally
        {
            if (!Stopping)
            {
                WriteVerbose($"{judged} judged, {violations} violations.");
            }

            bar.Complete();
            Array.ForEach([.. trace.ReadTotalLoss()], WriteLoss);
            Array.ForEach([.. trace.ReadWarnings()], Warn);
        }

        void Judge(BindFacts facts)
        {
            judged.Add(facts.Call);
            if (policy.Judge(facts) is not { } violation)
            {
                return;
            }

            WriteObject(violation);
            if (++violations == MaxEvents)
            {
                enough.Cancel();
            }
        }
    }
}

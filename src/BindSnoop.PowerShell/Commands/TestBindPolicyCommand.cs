using System.Management.Automation;
using BindSnoop.PowerShell.PolicyFiles;

namespace BindSnoop.PowerShell;

/// <summary>Judges calls of bind() and listen() by a policy, and emits those that it does not allow.</summary>
[Cmdlet(VerbsDiagnostic.Test, "BindPolicy", DefaultParameterSetName = PathSet)]
[OutputType(typeof(BindViolation), typeof(bool))]
public sealed class TestBindPolicyCommand : BindPolicyCommand
{
    private const string PathSet = "Path";
    private const string PolicySet = "Policy";

    private BindPolicy? _policy;
    private JudgedCalls? _judged;
    private long _violations;
    private long _askedForNothing;

    /// <summary>A file with the policy, PSD1 or JSON.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The policy itself: of New-BindPolicy, or a hashtable.</summary>
    [Parameter(ParameterSetName = PolicySet, Mandatory = true)]
    [ValidateNotNull]
    public object? Policy { get; set; }

    /// <summary>Only whether everything was judged, and there was no violation.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        _policy = Try(ReadPolicy);
        _judged = new JudgedCalls(_policy);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        base.EndProcessing();
        WriteVerbose($"{_judged} judged, {_violations} violations; {_askedForNothing} calls named no socket or no address, and were not judged.");
        foreach (string left in _judged!.Left)
        {
            WriteWarning(left);
        }

        foreach (BindPolicyCall missing in _judged.Missing)
        {
            TakeError(JudgedCalls.IsMissing(missing));
        }

        if (Quiet)
        {
            // What could not be judged, or was lost, is not in order.
            WriteObject(_violations == 0 && !IsIncomplete && !_judged.Left.Any());
        }
    }

    private protected override void Take(BindFacts facts)
    {
        if (facts.AskedForNothing)
        {
            _askedForNothing++;
            return;
        }

        if (_judged!.Add(facts.Call) && _policy!.Judge(facts) is { } violation)
        {
            _violations++;
            if (!Quiet)
            {
                WriteObject(violation);
            }
        }
    }

    private BindPolicy ReadPolicy()
    {
        if (Path is not null)
        {
            return PolicyFile.Read(GetUnresolvedProviderPathFromPSPath(Path));
        }

        const string Source = "-Policy";
        object given = Policy is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : Policy!;
        return given as BindPolicy ?? BindPolicy.FromJson(new PolicyObject(Source).ToJson(given), Source);
    }
}

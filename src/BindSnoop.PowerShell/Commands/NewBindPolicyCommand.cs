using System.Management.Automation;
using BindSnoop.PowerShell.PolicyFiles;

namespace BindSnoop.PowerShell;

/// <summary>Makes the policy that allows the calls it is given, and no others.</summary>
[Cmdlet(VerbsCommon.New, "BindPolicy", SupportsShouldProcess = true)]
[OutputType(typeof(BindPolicy))]
public sealed class NewBindPolicyCommand : BindPolicyCommand
{
    private readonly BindPolicyBuilder _builder = new();
    private long _askedForNothing;
    private long _ofUnknownUnit;
    private long _ofNobody;
    private string? _target;

    /// <summary>A file to write the policy to, PSD1 or JSON as the name says.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Overwrites such a file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Path is not null)
        {
            _target = GetUnresolvedProviderPathFromPSPath(Path);

            // Not after a day of observation.
            Try(() => PolicyFile.CheckTarget(_target, Force));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        base.EndProcessing();
        BindPolicy policy = _builder.Build(_target ?? "New-BindPolicy");
        WriteVerbose($"{policy.Rules.Count} rules; {_askedForNothing} calls named no socket or no address, and need no rule.");
        if (_ofUnknownUnit > 0)
        {
            WriteWarning($"The cgroups of {_ofUnknownUnit} binds are unknown: their rules name no unit, so they allow these binds in every unit.");
        }

        if (_ofNobody > 0)
        {
            WriteWarning($"The user or program of {_ofNobody} sockets is unknown: no rule allows them.");
        }

        if (policy.Rules.Count == 0)
        {
            WriteWarning("No bind was seen: the policy allows nothing.");
        }

        if (_target is not null)
        {
            if (!ShouldProcess(_target))
            {
                return;
            }

            Try(() => PolicyFile.Write(policy, _target, Force));
        }

        WriteObject(policy);
    }

    private protected override void Take(BindFacts facts)
    {
        if (facts.IsWhole && (facts.Comm is null || facts.Uid is null))
        {
            _ofNobody++;
        }
        else if (!_builder.Add(facts))
        {
            _askedForNothing++;
        }
        else if (facts.Unit is null)
        {
            _ofUnknownUnit++;
        }
    }
}

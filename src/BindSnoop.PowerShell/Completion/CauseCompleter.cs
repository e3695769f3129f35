using BindSnoop.Diagnosis;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers reasons why binds fail.</summary>
public sealed class CauseCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) => BindCause.All.Select(c => new Offer(c, $"cause {c}"));
}

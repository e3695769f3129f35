using System.Management.Automation;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the names of background traces.</summary>
public sealed class TraceNameCompleter : WordCompleter
{
    // The parameter takes patterns.
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        BindSnoopModule.Registry.Traces.Select(t => new Offer(WildcardPattern.Escape(t.Name), $"{t.Mode}, {t.State}, {t.Filter}", t.Name));

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) =>
        base.Fits(offer, word) || offer.Shown!.StartsWith(word, StringComparison.OrdinalIgnoreCase);
}

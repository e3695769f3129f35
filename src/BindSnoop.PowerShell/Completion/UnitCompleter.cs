using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the units of the system that run.</summary>
public sealed class UnitCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        Cgroups.Owners().Select(o => o.Owner.Unit!).Where(u => u.Length > 0).Distinct().Order(StringComparer.Ordinal).Select(u => new Offer(u, $"unit {u}"));
}

using System.Diagnostics;
using System.Globalization;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers processes, by id or by name.</summary>
public sealed class ProcessCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word)
    {
        foreach (Process process in Process.GetProcesses().OrderBy(p => p.Id))
        {
            using (process)
            {
                string id = process.Id.ToString(CultureInfo.InvariantCulture);
                yield return new Offer(id, process.ProcessName, $"{id} {process.ProcessName}");
            }
        }
    }

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) =>
        base.Fits(offer, word) || offer.Hint.StartsWith(word, StringComparison.OrdinalIgnoreCase);
}

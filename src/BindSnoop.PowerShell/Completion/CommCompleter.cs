using System.Globalization;
using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the names that processes have now, as events show them.</summary>
public sealed class CommCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from directory in Directory.EnumerateDirectories("/proc")
        where int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out _)
        let comm = SystemFile.ReadBytes($"{directory}/comm")
        where comm.Length > 1
        group directory by DisplayText.Escape(comm.AsSpan()[..^1]) into same
        orderby same.Key
        select new Offer(same.Key, same.Count() == 1 ? $"process {Path.GetFileName(same.First())}" : $"{same.Count()} processes");
}

using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers cgroups, one level at a time.</summary>
public sealed class CgroupCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word)
    {
        if (Cgroups.MountPoint is not { } mount)
        {
            return [];
        }

        // Both are cgroups to the parameter: a path in the file system, and one in the hierarchy.
        string parent = word[..(word.LastIndexOf('/') + 1)];
        DirectoryInfo directory = new(parent.StartsWith($"{mount}/", StringComparison.Ordinal) ? parent : $"{mount}/{parent}");
        return directory.Exists
            ? directory.EnumerateDirectories()
                .Where(d => !d.Name.Any(char.IsControl))
                .OrderBy(d => d.Name, StringComparer.Ordinal)
                .Select(d => new Offer($"{(parent.Length == 0 ? "/" : parent)}{d.Name}", d.FullName))
            : [];
    }

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) => base.Fits(offer, word) || base.Fits(offer, $"/{word}");
}

using System.Text.RegularExpressions;

namespace BindSnoop.Host;

/// <summary>The files that describe the <c>.socket</c> units of one systemd.</summary>
/// <param name="folders">Where they are, by falling priority, as systemd.unit(5) has it.</param>
/// <param name="owner">Who may write them besides root.</param>
internal sealed partial class SocketUnitFiles(IReadOnlyList<string> folders, uint owner = 0)
{
    /// <summary>What the names of units end with.</summary>
    public const string Suffix = ".socket";

    // Nobody has so many, or such large ones; but a user can make any number of files.
    private const int MostFiles = 1024;
    private const int MostBytes = 65536;

    /// <summary>The names of the units that there are files of, but templates; null if there are too many.</summary>
    public IReadOnlyCollection<string>? Units()
    {
        HashSet<string> units = [];
        foreach (string folder in folders)
        {
            using StateDirectory? directory = StateDirectory.Open(folder, owner);
            IReadOnlyList<string> names = directory?.Names(MostFiles) ?? [];
            units.UnionWith(names.Where(n => UnitName().IsMatch(n)));
            if (names.Count == MostFiles)
            {
                return null;
            }
        }

        return units;
    }

    /// <summary>What the files of a unit say now; null if it has none, or one of them cannot be trusted.</summary>
    public SocketUnitSettings? Read(string unit)
    {
        string stem = unit[..^Suffix.Length];
        int at = stem.IndexOf('@', StringComparison.Ordinal);
        string? template = at < 0 ? null : $"{stem[..(at + 1)]}{Suffix}";
        if (FragmentOf(unit, template) is not { } fragment || DropInsOf(unit, template, stem) is not { } dropIns)
        {
            return null;
        }

        SocketUnitSettings settings = new();
        settings.Apply(fragment);
        foreach (byte[] dropIn in dropIns)
        {
            settings.Apply(dropIn);
        }

        return settings;
    }

    /// <summary>The file that describes a unit; null where there is none, or it is a link or not trusted. One that is masked is empty.</summary>
    private byte[]? FragmentOf(string unit, string? template)
    {
        foreach (string name in template is null ? [unit] : new[] { unit, template })
        {
            foreach (string folder in folders)
            {
                using StateDirectory? directory = StateDirectory.Open(folder, owner);
                if (directory?.Has(name) == true)
                {
                    return directory.IsMasked(name) ? [] : directory.Read(name, MostBytes);
                }
            }
        }

        return null;
    }

    /// <summary>The files that change a unit, in the order of their names; null if one of them cannot be trusted.</summary>
    private List<byte[]>? DropInsOf(string unit, string? template, string stem)
    {
        SortedDictionary<string, byte[]?> found = new(StringComparer.Ordinal);
        foreach (string folder in folders)
        {
            using StateDirectory? directory = StateDirectory.Open(folder, owner);
            foreach (string name in DropInFolders(unit, template, stem))
            {
                using StateDirectory? changes = directory?.OpenInner(name);
                foreach (string file in (changes?.Names(MostFiles) ?? []).Where(n => n.EndsWith(".conf", StringComparison.Ordinal)))
                {
                    if (!found.ContainsKey(file))
                    {
                        found.Add(file, changes!.Read(file, MostBytes));
                    }
                }
            }
        }

        return found.ContainsValue(null) ? null : [.. found.Values.OfType<byte[]>()];
    }

    // Those of the unit, of its template, of a-b-.socket and a-.socket, and of all sockets.
    private static IEnumerable<string> DropInFolders(string unit, string? template, string stem)
    {
        yield return $"{unit}.d";
        if (template is not null)
        {
            yield return $"{template}.d";
        }

        for (int dash = stem.Split('@')[0].LastIndexOf('-'); dash > 0; dash = stem.LastIndexOf('-', dash - 1))
        {
            yield return $"{stem[..(dash + 1)]}{Suffix}.d";
        }

        yield return $"{Suffix[1..]}.d";
    }

    // Of templates alone there is no socket.
    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]*[A-Za-z0-9:_.\\-]\.socket$")]
    private static partial Regex UnitName();
}

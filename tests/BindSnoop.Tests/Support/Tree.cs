namespace BindSnoop.Tests;

/// <summary>The source tree as it was when this was built; the tests also run where there is none.</summary>
internal static class Tree
{
    /// <summary>The paths of all files.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Text("tree.txt").Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>The paths of all folders, each with a slash at its end.</summary>
    public static IReadOnlySet<string> Folders { get; } = Files.SelectMany(Above).ToHashSet();

    /// <summary>The text of a file that was built in.</summary>
    public static string Text(string name)
    {
        using StreamReader reader = new(typeof(Tree).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static IEnumerable<string> Above(string file)
    {
        for (int end = file.IndexOf('/', StringComparison.Ordinal); end >= 0; end = file.IndexOf('/', end + 1))
        {
            yield return file[..(end + 1)];
        }
    }
}

using System.Text.RegularExpressions;

namespace BindSnoop.Tests;

/// <summary>Which folders of a project use which, by the names in its source.</summary>
internal static partial class SourceUses
{
    /// <summary>Stands for the project's own folder.</summary>
    public const string Root = ".";

    /// <summary>The folders that have source.</summary>
    public static IReadOnlyList<string> Folders(string project) => [.. Files(project).Select(f => f.Folder).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>All uses of types in other folders, and all directives that name other folders.</summary>
    /// <param name="counts">Whether a name is a use: of a type's name and what follows it after a dot, if anything.</param>
    public static IEnumerable<(string Folder, string Used, string What)> Uses(string project, Func<string, string, bool> counts)
    {
        (string Name, string Folder, string Text)[] files = [.. Files(project)];
        HashSet<string> folders = [.. files.Select(f => f.Folder)];
        Dictionary<string, string> types = files.SelectMany(f => Declaration().Matches(f.Text).Select(m => (Type: m.Groups[1].Value, f.Folder)))
            .Distinct().ToDictionary(t => t.Type, t => t.Folder);
        Regex directive = new($@"^using (?:static )?{Regex.Escape(project)}\.(\w+)", RegexOptions.Multiline);
        foreach ((string name, string folder, string text) in files)
        {
            string code = Comment().Replace(text, "");
            IEnumerable<(string Used, string What)> named = directive.Matches(code)
                .Select(m => m.Groups[1].Value).Where(folders.Contains).Select(f => (f, $"the namespace {f}"));
            IEnumerable<(string Used, string What)> used = Path().Matches(code)
                .Select(m => m.Value.Split('.').SkipWhile(p => folders.Contains(p) || project.Split('.').Contains(p)).ToArray())
                .Where(p => p.Length > 0 && types.ContainsKey(p[0]) && counts(p[0], p.ElementAtOrDefault(1) ?? ""))
                .Select(p => (types[p[0]], p[0]));
            foreach ((string other, string what) in named.Concat(used).Distinct().Where(u => u.Used != folder))
            {
                yield return (folder, other, $"{name} uses {what} of {other}");
            }
        }
    }

    private static IEnumerable<(string Name, string Folder, string Text)> Files(string project) =>
        from name in typeof(SourceUses).Assembly.GetManifestResourceNames()
        where name.StartsWith($"src/{project}/", StringComparison.Ordinal)
        let path = name.Split('/')
        select (path[^1], path.Length > 3 ? path[2] : Root, Tree.Text(name));

    [GeneratedRegex(@"^(?:(?:public|internal|static|sealed|abstract|readonly|unsafe|partial|ref) )*(?:class|struct|record struct|record|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"(?<!:)//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*")]
    private static partial Regex Path();
}

using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// A folder uses only those before it in the order that docs/architecture.md shows, whose picture and tables have what there is; no
/// file of the engine or the faces is long.
/// </summary>
public class ArchitectureTests
{
    // What is longer does more than one thing.
    private const int MostLines = 300;

    private static readonly Dictionary<string, string[]> s_orders = new()
    {
        ["BindSnoop"] =
        [
            "Errors", "Interop", "Names", "Filters", "Host", "Abi", "Loading", "Reading", "Events", "Proving", "Sockets", "Diagnosis", "Metrics",
            "Tracers", "Background", "Input", "Records", "Policy", "Reports", "Support",
        ],
        ["BindSnoop.Cli"] = ["Output", "Export", "Top", "Commands", SourceUses.Root],
        ["BindSnoop.PowerShell"] = ["PolicyFiles", "Input", SourceUses.Root, "Completion", "Commands"],
    };

    private static readonly Assembly s_engine = typeof(BindEvent).Assembly;

    [Fact]
    public void FoldersUseOnlyThoseBelow()
    {
        Dictionary<Type, string> folders = FolderUses.FoldersOfTypes(s_engine);
        Assert.Equal(s_orders["BindSnoop"].Order(), folders.Values.Distinct().Order());
        Assert.Empty(Upward("BindSnoop", FolderUses.Uses(folders)));
    }

    /// <summary>Constants leave no trace in what the compiler makes of their use, and directives none either.</summary>
    [Fact]
    public void ConstantsAndDirectivesUseOnlyThoseBelow() => Assert.Empty(Upward("BindSnoop", SourceUses.Uses("BindSnoop", IsConstant)));

    [Theory]
    [InlineData("BindSnoop.Cli")]
    [InlineData("BindSnoop.PowerShell")]
    public void FoldersOfAFaceUseOnlyThoseBelow(string face)
    {
        Assert.Equal(s_orders[face].Order(StringComparer.Ordinal), SourceUses.Folders(face));
        Assert.Empty(Upward(face, SourceUses.Uses(face, (_, _) => true)));
    }

    [Fact]
    public void UsesOfAnyKindAreSeen()
    {
        HashSet<(string, string)> seen = [.. FolderUses.Uses(FolderUses.FoldersOfTypes(s_engine)).Select(u => (u.Folder, u.Used))];

        // By a call, a signature, an enumeration that is only compared, and a throw.
        Assert.Empty(new[] { ("Background", "Tracers"), ("Tracers", "Events"), ("Events", "Loading"), ("Filters", "Errors") }.Except(seen));

        // By a constraint, a catch and an attribute.
        HashSet<string> what = [.. FolderUses.Uses(typeof(Uses).GetNestedTypes(BindingFlags.NonPublic).ToDictionary(t => t, t => t.Name)).Select(u => u.What)];
        foreach (Type type in typeof(Uses).GetNestedTypes(BindingFlags.NonPublic).Where(t => t != typeof(Uses.Used)))
        {
            Assert.Contains($"{type.Name}/{type.Name} uses {nameof(Uses.Used)}/{nameof(Uses.Used)}", what);
        }

        // By a constant and by a directive; and in faces by a name.
        HashSet<string> named = [.. SourceUses.Uses("BindSnoop", IsConstant).Select(u => u.What)];
        Assert.Contains("PortTester.cs uses Errno of Errors", named);
        Assert.Contains("PortTester.cs uses the namespace Host of Host", named);
        Assert.Contains("TopCommand.cs uses TopScreen of Top", SourceUses.Uses("BindSnoop.Cli", (_, _) => true).Select(u => u.What));
    }

    [Fact]
    public void ThePageShowsTheFoldersInTheirOrder() =>
        Assert.Equal(s_orders["BindSnoop"], Section("Where things are").Split('\n').Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1]));

    /// <summary>The picture has all folders of the tree and of the three projects, and no others.</summary>
    [Fact]
    public void ThePictureShowsTheFolders()
    {
        Stack<string> above = new([""]);
        List<string> shown = [];
        foreach (string line in Picture("Where things are").Split('\n').Select(l => l.Trim()))
        {
            if (line == "end")
            {
                above.Pop();
                continue;
            }

            string[] folders = [.. Regex.Matches(line.Split("-->")[0], @"(?<=[""\s])[\w.]+/").Select(m => above.Peek() + m.Value)];
            shown.AddRange(folders);
            if (line.StartsWith("subgraph", StringComparison.Ordinal))
            {
                above.Push(folders is [var folder] ? folder : above.Peek());
            }
        }

        string[] there =
        [
            .. from folder in Tree.Folders
               let path = folder.TrimEnd('/').Split('/')
               where path[0][0] != '.' && (path.Length == 1 || (path[0] == "src" && path.Length < 4))
               orderby folder
               select folder,
        ];
        Assert.Contains("src/BindSnoop.Cli/Commands/", there);
        Assert.Equal(there, shown.Order());
    }

    [Theory]
    [InlineData("The path of an event")]
    public void ThePictureNamesWhatThereIs(string section)
    {
        IEnumerable<string> names = Regex.Matches(Picture(section), @"(?<![\w-])[A-Z][a-z]+[A-Z]\w+").Select(m => m.Value);
        Assert.NotEmpty(names);
        Assert.Empty(names.Except(s_engine.GetTypes().Select(t => t.Name.Split('`')[0])));
    }

    /// <summary>Every file and folder that the pages for contributors send somebody to.</summary>
    [Theory]
    [InlineData("architecture.md", 30)]
    [InlineData("CONTRIBUTING.md", 30)]
    public void ThePagesNameFilesThatThereAre(string page, int fewest)
    {
        string[] named =
        [
            .. Regex.Matches(Tree.Text(page), @"`([^`\s]+)`").Select(m => m.Groups[1].Value)
                .Where(n => n.Contains('/', StringComparison.Ordinal) && !n.StartsWith('/') && !n.StartsWith("output/", StringComparison.Ordinal) && !n.StartsWith("./", StringComparison.Ordinal))
                .Distinct(),
        ];
        Assert.True(named.Length >= fewest, $"only {named.Length} were found");
        Assert.Equal([], named.Where(n => !IsThere(n)));
    }

    [Fact]
    public void NoFileIsLong()
    {
        string[] files = [.. typeof(ArchitectureTests).Assembly.GetManifestResourceNames().Where(n => n.StartsWith("src/", StringComparison.Ordinal))];
        Assert.Equal(s_orders.Keys.Select(p => $"src/{p}"), files.Select(f => string.Join('/', f.Split('/')[..2])).Distinct().Order());
        Assert.Empty(files.Select(f => (File: f, Lines: Tree.Text(f).Count(c => c == '\n'))).Where(f => f.Lines > MostLines).Select(f => $"{f.File} has {f.Lines} lines"));
    }

    private static IEnumerable<string> Upward(string project, IEnumerable<(string Folder, string Used, string What)> uses) =>
        uses.Where(u => Array.IndexOf(s_orders[project], u.Folder) < Array.IndexOf(s_orders[project], u.Used)).Select(u => $"{u.Folder}: {u.What}");

    private static bool IsConstant(string type, string member) =>
        s_engine.GetTypes().Any(t => t.Name == type && t.GetField(member, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static) is { IsLiteral: true });

    /// <summary>Whether a path leads to a file or a folder, from the top or from the engine or a face; NAME and * are anything.</summary>
    private static bool IsThere(string path)
    {
        Regex pattern = new($"^(src/BindSnoop(.Cli|.PowerShell)?/)?{Regex.Escape(path).Replace("NAME", @"\w+", StringComparison.Ordinal).Replace(@"\*", @"\w*", StringComparison.Ordinal)}/?$");
        return Tree.Files.Concat(Tree.Folders).Any(f => pattern.IsMatch(f));
    }

    private static string Section(string title) => Tree.Text("architecture.md").Split("\n## ").Single(s => s.StartsWith($"{title}\n", StringComparison.Ordinal));

    private static string Picture(string section) => Section(section).Split("```")[1];

    /// <summary>What <see cref="UsesOfAnyKindAreSeen"/> looks at.</summary>
    private static class Uses
    {
        internal abstract class Used : Exception;

        internal sealed class Constrained<T>
            where T : Used;

        internal sealed class Catching
        {
            public static void Catch(Action action)
            {
                try
                {
                    action();
                }
                catch (Used)
                {
                    return;
                }
            }
        }

        [System.ComponentModel.TypeConverter(typeof(Used))]
        internal sealed class Marked;
    }
}

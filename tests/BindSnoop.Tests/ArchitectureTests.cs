using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Text.RegularExpressions;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// A folder of the engine uses only those before it in the order that docs/architecture.md shows, and no file of the engine or the
/// faces is long.
/// </summary>
public class ArchitectureTests
{
    // What is longer does more than one thing.
    private const int MostLines = 300;

    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // A GUID of the portable PDB format: the documents of a type that has no code.
    private static readonly Guid s_typeDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private static readonly string[] s_order =
    [
        "Errors", "Interop", "Names", "Filters", "Host", "Abi", "Loading", "Reading", "Events", "Proving", "Sockets", "Diagnosis", "Metrics",
        "Tracers", "Background", "Input", "Records", "Policy", "Reports", "Support",
    ];

    private static readonly Assembly s_engine = typeof(BindEvent).Assembly;
    private static readonly Dictionary<int, OpCode> s_opCodes = typeof(OpCodes).GetFields()
        .Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => o.Value & 0xffff);

    [Fact]
    public void FoldersUseOnlyThoseBelow()
    {
        Dictionary<Type, string> folders = FoldersOfTypes();
        Assert.Equal(s_order.Order(), folders.Values.Distinct().Order());
        Assert.Empty(Uses(folders).Where(u => Array.IndexOf(s_order, u.Folder) < Array.IndexOf(s_order, u.Used)).Select(u => u.What));
    }

    [Fact]
    public void UsesOfAnyKindAreSeen()
    {
        HashSet<(string, string)> seen = [.. Uses(FoldersOfTypes()).Select(u => (u.Folder, u.Used))];

        // By a call, a signature, an enumeration that is only compared, and a throw.
        Assert.Empty(new[] { ("Background", "Tracers"), ("Tracers", "Events"), ("Events", "Loading"), ("Filters", "Errors") }.Except(seen));
    }

    [Fact]
    public void ThePageShowsTheFoldersInTheirOrder() =>
        Assert.Equal(s_order, Page().Split('\n').Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1]));

    [Fact]
    public void ThePictureNamesWhatThereIs()
    {
        string picture = Page().Split("```")[1];
        IEnumerable<string> names = Regex.Matches(picture, @"(?<![\w-])[A-Z][a-z]+[A-Z]\w+").Select(m => m.Value);
        Assert.NotEmpty(names);
        Assert.Empty(names.Except(s_engine.GetTypes().Select(t => t.Name.Split('`')[0])));
    }

    [Fact]
    public void NoFileIsLong()
    {
        string[] files = [.. typeof(ArchitectureTests).Assembly.GetManifestResourceNames().Where(n => n.StartsWith("src/", StringComparison.Ordinal))];
        Assert.Equal(["src/BindSnoop", "src/BindSnoop.Cli", "src/BindSnoop.PowerShell"], files.Select(f => string.Join('/', f.Split('/')[..2])).Distinct().Order());
        Assert.Empty(files.Select(f => (File: f, Lines: Resource(f).Count(c => c == '\n'))).Where(f => f.Lines > MostLines).Select(f => $"{f.File} has {f.Lines} lines"));
    }

    private static string Page() => Resource("architecture.md");

    private static string Resource(string name)
    {
        using StreamReader reader = new(typeof(ArchitectureTests).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static IEnumerable<(string Folder, string Used, string What)> Uses(Dictionary<Type, string> folders)
    {
        foreach ((Type type, string folder) in folders)
        {
            foreach (Type used in UsedBy(type).SelectMany(Parts).Distinct())
            {
                if (folders.TryGetValue(used, out string? other) && other != folder)
                {
                    yield return (folder, other, $"{folder}/{type.Name} uses {other}/{used.Name}");
                }
            }
        }
    }

    private static Dictionary<Type, string> FoldersOfTypes()
    {
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(s_engine.Location, "pdb")));
        MetadataReader symbols = provider.GetMetadataReader();
        Dictionary<Type, string> folders = [];
        foreach (Type type in s_engine.GetTypes())
        {
            if (FolderOf(type, symbols) is { } folder)
            {
                folders[type] = folder;
            }
        }

        return folders;
    }

    private static string? FolderOf(Type type, MetadataReader symbols)
    {
        IEnumerable<DocumentHandle> ofCode = type.GetMembers(All).OfType<MethodBase>()
            .Select(m => symbols.GetMethodDebugInformation((MethodDefinitionHandle)MetadataTokens.Handle(m.MetadataToken)))
            .SelectMany(d => d.GetSequencePoints().Select(p => p.Document));
        IEnumerable<DocumentHandle> ofType = symbols.GetCustomDebugInformation((TypeDefinitionHandle)MetadataTokens.Handle(type.MetadataToken))
            .Select(symbols.GetCustomDebugInformation).Where(i => symbols.GetGuid(i.Kind) == s_typeDocuments)
            .Select(i => MetadataTokens.DocumentHandle(symbols.GetBlobReader(i.Value).ReadCompressedInteger()));
        DocumentHandle document = ofCode.Concat(ofType).FirstOrDefault(d => !d.IsNil);
        if (document.IsNil)
        {
            // What the compiler makes beside a type is where that is.
            return type.DeclaringType is { } outer ? FolderOf(outer, symbols) : null;
        }

        // Made while compiling: not in a folder of the engine.
        string[] path = symbols.GetString(symbols.GetDocument(document).Name).Split('/');
        int engine = Array.LastIndexOf(path, "BindSnoop");
        return engine >= 0 && path[engine - 1] == "src" && path[engine + 1] != "obj" ? path[engine + 1] : null;
    }

    private static IEnumerable<Type> UsedBy(Type type)
    {
        if (type.BaseType is { } parent)
        {
            yield return parent;
        }

        foreach (Type used in type.GetInterfaces()
                     .Concat(type.GetFields(All).Select(f => f.FieldType))
                     .Concat(type.GetProperties(All).Select(p => p.PropertyType))
                     .Concat(type.GetMembers(All).OfType<MethodBase>().SelectMany(UsedBy)))
        {
            yield return used;
        }
    }

    private static IEnumerable<Type> UsedBy(MethodBase method)
    {
        IEnumerable<Type> signature = method.GetParameters().Select(p => p.ParameterType)
            .Concat(method is MethodInfo { ReturnType: var result } ? [result] : []);
        return method.GetMethodBody() is not { } body
            ? signature
            : signature.Concat(body.LocalVariables.Select(l => l.LocalType)).Concat(UsedByCode(method, body.GetILAsByteArray()!));
    }

    private static IEnumerable<Type> UsedByCode(MethodBase method, byte[] code)
    {
        Type[]? ofType = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < code.Length;)
        {
            OpCode operation = s_opCodes[code[at] == 0xfe ? 0xfe00 | code[at + 1] : code[at]];
            at += operation.Size;
            if (operation.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
            {
                MemberInfo member = method.Module.ResolveMember(BitConverter.ToInt32(code, at), ofType, ofMethod)!;
                yield return member as Type ?? member.DeclaringType!;
                foreach (Type argument in member is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericArguments() : [])
                {
                    yield return argument;
                }
            }

            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    /// <summary>What a type consists of: of <c>List&lt;T&gt;[]</c> the list and T.</summary>
    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!)
        : type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition())
        : [type];
}

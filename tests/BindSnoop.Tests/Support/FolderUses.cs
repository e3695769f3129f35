using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace BindSnoop.Tests;

/// <summary>Which folders of an assembly's source use which, by what the compiler has made of it.</summary>
internal static class FolderUses
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // A GUID of the portable PDB format: the documents of a type that has no code.
    private static readonly Guid s_typeDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private static readonly Dictionary<int, OpCode> s_opCodes = typeof(OpCodes).GetFields()
        .Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => o.Value & 0xffff);

    /// <summary>All uses of types in other folders.</summary>
    /// <param name="folders">From <see cref="FoldersOfTypes"/>.</param>
    public static IEnumerable<(string Folder, string Used, string What)> Uses(Dictionary<Type, string> folders)
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

    /// <summary>The folder of each type; what lies in none is left out.</summary>
    public static Dictionary<Type, string> FoldersOfTypes(Assembly assembly)
    {
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assembly.Location, "pdb")));
        MetadataReader symbols = provider.GetMetadataReader();
        Dictionary<Type, string> folders = [];
        foreach (Type type in assembly.GetTypes())
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
                     .Concat(type.GetGenericArguments().Where(a => a.IsGenericParameter).SelectMany(a => a.GetGenericParameterConstraints()))
                     .Concat(type.GetMembers(All).Append(type).SelectMany(AttributesOf))
                     .Concat(type.GetMembers(All).OfType<MethodBase>().SelectMany(UsedBy)))
        {
            yield return used;
        }
    }

    private static IEnumerable<Type> UsedBy(MethodBase method)
    {
        IEnumerable<Type> signature = method.GetParameters().Select(p => p.ParameterType)
            .Concat(method is MethodInfo { ReturnType: var result } ? [result] : [])
            .Concat(method.IsGenericMethod ? method.GetGenericArguments().SelectMany(a => a.GetGenericParameterConstraints()) : [])
            .Concat(method.GetParameters().SelectMany(p => Named(p.GetCustomAttributesData())));
        return method.GetMethodBody() is not { } body
            ? signature
            : signature.Concat(body.LocalVariables.Select(l => l.LocalType))
                .Concat(body.ExceptionHandlingClauses.Where(c => c.Flags == ExceptionHandlingClauseOptions.Clause).Select(c => c.CatchType!))
                .Concat(UsedByCode(method, body.GetILAsByteArray()!));
    }

    private static IEnumerable<Type> AttributesOf(MemberInfo member) => Named(member.GetCustomAttributesData());

    /// <summary>The attributes themselves, and the types that they name.</summary>
    private static IEnumerable<Type> Named(IEnumerable<CustomAttributeData> attributes) => attributes.SelectMany(a => a.ConstructorArguments
        .Concat(a.NamedArguments.Select(n => n.TypedValue))
        .SelectMany(v => v.Value is Type type ? new[] { v.ArgumentType, type } : [v.ArgumentType])
        .Append(a.AttributeType));

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

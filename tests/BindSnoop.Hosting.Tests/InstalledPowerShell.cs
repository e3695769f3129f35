using System.Reflection;
using System.Runtime.Loader;

namespace BindSnoop.Hosting.Tests;

/// <summary>Lends this process the assemblies of the pwsh on PATH, as a program that hosts PowerShell has its own.</summary>
public static class InstalledPowerShell
{
    /// <summary>The folder of the installation; null where there is none.</summary>
    public static string? Home { get; } = Find();

    /// <summary>Whether there is one.</summary>
    public static bool IsThere => Home is not null;

    /// <summary>Makes this process find them.</summary>
    public static void UseAssemblies()
    {
        if (Home is { } home)
        {
            AssemblyLoadContext.Default.Resolving += (context, name) =>
                File.Exists(Path.Combine(home, $"{name.Name}.dll")) ? context.LoadFromAssemblyPath(Path.Combine(home, $"{name.Name}.dll")) : null;
        }
    }

    private static string? Find() =>
        (from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
         let program = Path.Combine(folder, "pwsh")
         where File.Exists(program)
         let target = File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program
         from candidate in Candidates(target)
         where File.Exists(Path.Combine(candidate, "System.Management.Automation.dll"))
         select candidate).FirstOrDefault();

    /// <summary>Beside pwsh; or, where pwsh is a .NET tool, in the tool's package.</summary>
    private static IEnumerable<string> Candidates(string program)
    {
        string folder = Path.GetDirectoryName(program)!;
        yield return folder;
        string store = Path.Combine(folder, ".store", "powershell");
        if (Directory.Exists(store))
        {
            foreach (string assembly in Directory.EnumerateFiles(store, "System.Management.Automation.dll", SearchOption.AllDirectories))
            {
                yield return Path.GetDirectoryName(assembly)!;
            }
        }
    }
}

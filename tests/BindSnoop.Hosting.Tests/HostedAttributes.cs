using System.Runtime.CompilerServices;
using Xunit;

namespace BindSnoop.Hosting.Tests;

// Skipped before the test method is compiled, as its types are those of the assemblies that are missing.

/// <summary>A test that hosts PowerShell.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class HostedFactAttribute : FactAttribute
{
    public const string Reason = "there is no pwsh on PATH, whose assemblies would be hosted";

    public HostedFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line)
    {
        Skip = Reason;
        SkipType = typeof(InstalledPowerShell);
        SkipUnless = nameof(InstalledPowerShell.IsThere);
    }
}

/// <summary>A theory that hosts PowerShell.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class HostedTheoryAttribute : TheoryAttribute
{
    public HostedTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line)
    {
        Skip = HostedFactAttribute.Reason;
        SkipType = typeof(InstalledPowerShell);
        SkipUnless = nameof(InstalledPowerShell.IsThere);
    }
}

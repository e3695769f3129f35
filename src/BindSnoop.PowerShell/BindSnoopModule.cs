using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>What lives as long as the module: the background traces.</summary>
public sealed class BindSnoopModule : IModuleAssemblyCleanup
{
    internal static BindTraceRegistry Registry { get; } = new();

    /// <summary>Stops and frees every background trace of this process.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo) => Registry.Dispose();
}

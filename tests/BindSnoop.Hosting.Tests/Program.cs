using Xunit.Runner.InProc.SystemConsole;

namespace BindSnoop.Hosting.Tests;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        InstalledPowerShell.UseAssemblies();
        return await ConsoleRunner.Run(args);
    }
}

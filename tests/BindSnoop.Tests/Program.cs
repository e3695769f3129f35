using Xunit.Runner.InProc.SystemConsole;

namespace BindSnoop.Tests;

internal static class Program
{
    /// <summary>Runs the tests; or, as <c>--child NAME</c>, one of the processes that the tests start.</summary>
    private static async Task<int> Main(string[] args) =>
        args is ["--child", var name, ..] ? Child.Run(name) : await ConsoleRunner.Run(args);
}

namespace BindSnoop.Tests;

/// <summary>What this program does as a process of its own, where a test needs one.</summary>
internal static class Child
{
    public static int Run(string name)
    {
        if (name == "trace-itself")
        {
            return PrivilegeTests.TraceItself();
        }

        Console.Error.WriteLine($"There is no child '{name}'.");
        return 64;
    }
}

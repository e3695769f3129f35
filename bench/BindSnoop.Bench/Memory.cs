using System.Diagnostics;

namespace BindSnoop.Bench;

/// <summary>Resident memory, MiB, after some events and after many.</summary>
internal static class Memory
{
    private const int Some = 100_000;

    public static void Measure(Settings settings, Results results)
    {
        // Both see the same binds, which take longest.
        using Process commandLine = Start(Tools.Start(settings.CommandLine));
        using Process pwsh = Start(Tools.StartPwsh(settings, "Get-BindEvent | Out-Null"));
        (string Name, Process Process)[] tools = [("bindsnoop", commandLine), ("Get-BindEvent | Out-Null", pwsh)];
        Tools.Load(settings, "--count", $"{Some}");
        Thread.Sleep(1000);
        double[] few = [.. tools.Select(t => Resident(t.Process))];
        Tools.Load(settings, [.. Tools.OnAllProcessors, "--count", $"{settings.Events - Some}"]);
        Thread.Sleep(1000);
        foreach (((string name, Process process), double before) in tools.Zip(few))
        {
            double many = Resident(process);
            results.Add("memory-some", name, 1, before);
            results.Add("memory-many", name, 1, many);
            results.Add("memory-ratio", name, 1, many / before);
            Tools.Signal(process, Tools.SigKill);
            process.WaitForExit();
        }
    }

    private static Process Start(Process process)
    {
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        Tools.WaitUntilAttached(process);
        return process;
    }

    private static double Resident(Process process) => Tools.Status(process.Id, "VmRSS") / 1024.0;
}

using System.Diagnostics;

namespace BindSnoop.Bench;

/// <summary>Resident memory, MiB, after some events and after many.</summary>
internal static class Memory
{
    private const int Some = 100_000;

    public static void Measure(Settings settings, Results results)
    {
        Measure(settings, results, "bindsnoop", Tools.Start(settings.CommandLine));
        Measure(settings, results, "Get-BindEvent | Out-Null", Tools.StartPwsh(settings, "Get-BindEvent | Out-Null"));
    }

    private static void Measure(Settings settings, Results results, string name, Process process)
    {
        using (process)
        {
            _ = process.StandardError.ReadToEndAsync();
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            Tools.WaitUntilAttached(process);
            Tools.Load(settings, "--count", $"{Some}");
            Thread.Sleep(1000);
            double few = Tools.Status(process.Id, "VmRSS") / 1024.0;
            Tools.Load(settings, [.. Tools.OnAllProcessors, "--count", $"{settings.Events - Some}"]);
            Thread.Sleep(1000);
            double many = Tools.Status(process.Id, "VmRSS") / 1024.0;
            results.Add("memory-some", name, 1, few);
            results.Add("memory-many", name, 1, many);
            results.Add("memory-ratio", name, 1, many / few);
            Tools.Signal(process, Tools.SigKill);
            process.WaitForExit();
        }
    }
}

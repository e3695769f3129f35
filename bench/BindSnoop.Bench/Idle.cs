using System.Diagnostics;

namespace BindSnoop.Bench;

/// <summary>How often a tool wakes up, a second, while nothing that it looks for happens.</summary>
internal static class Idle
{
    public static void Measure(Settings settings, Results results)
    {
        (string Name, Func<Process> Start, bool Attaches)[] tools =
        [
            ("bindsnoop", () => Tools.Start(settings.CommandLine, "-p", "1"), true),
            ("bindsnoop --count", () => Tools.Start(settings.CommandLine, "-p", "1", "--count"), true),
            ("pwsh alone", () => Tools.StartPwsh(settings, "Start-Sleep 1000", import: false), false),
            ("Get-BindEvent", () => Tools.StartPwsh(settings, "Get-BindEvent -ProcessId 1"), true),
            ("Start-BindTrace", () => Tools.StartPwsh(settings, "$trace = Start-BindTrace -ProcessId 1; Start-Sleep 1000"), true),
        ];
        foreach ((string name, Func<Process> start, bool attaches) in tools)
        {
            using Process process = start();
            _ = process.StandardOutput.ReadToEndAsync();
            _ = process.StandardError.ReadToEndAsync();
            if (attaches)
            {
                Tools.WaitUntilAttached(process);
            }

            // The runtime's own work after a start takes some seconds to end.
            Thread.Sleep(attaches ? 5000 : 7000);
            for (int round = 1; round <= settings.Rounds; round++)
            {
                long before = Switches(process.Id);
                Thread.Sleep(settings.Seconds * 1000);
                results.Add("idle", name, round, (Switches(process.Id) - before) / (double)settings.Seconds);
            }

            results.Add("bpf-memory", name, 1, BpfMemory(process.Id) / 1024.0);
            Tools.Signal(process, Tools.SigKill);
            process.WaitForExit();
        }
    }

    // Every wait that a thread wakes up from is a voluntary switch.
    private static long Switches(int process) =>
        Directory.EnumerateDirectories($"/proc/{process}/task").Sum(task =>
            File.ReadLines($"{task}/status").Where(l => l.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal))
                .Sum(l => long.Parse(l.AsSpan(l.IndexOf(':', StringComparison.Ordinal) + 1), provider: System.Globalization.CultureInfo.InvariantCulture)));

    private static long BpfMemory(int process) =>
        Directory.EnumerateFiles($"/proc/{process}/fdinfo").SelectMany(File.ReadLines)
            .Where(l => l.StartsWith("memlock:", StringComparison.Ordinal))
            .Sum(l => long.Parse(l.AsSpan("memlock:".Length), provider: System.Globalization.CultureInfo.InvariantCulture));
}

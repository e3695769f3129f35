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

        // All at once: none of them is in another's way while it sleeps.
        Process[] processes = new Process[tools.Length];
        try
        {
            for (int i = 0; i < tools.Length; i++)
            {
                processes[i] = tools[i].Start();
                _ = processes[i].StandardOutput.ReadToEndAsync();
                _ = processes[i].StandardError.ReadToEndAsync();
                if (tools[i].Attaches)
                {
                    Tools.WaitUntilAttached(processes[i]);
                }
            }

            // The runtime's own work after a start takes some seconds to end.
            Thread.Sleep(7000);
            int seconds = Math.Min(settings.Seconds, 20);
            for (int round = 1; round <= settings.Rounds; round++)
            {
                long[] before = [.. processes.Select(p => Switches(p.Id))];
                Thread.Sleep(seconds * 1000);
                for (int i = 0; i < tools.Length; i++)
                {
                    results.Add("idle", tools[i].Name, round, (Switches(processes[i].Id) - before[i]) / (double)seconds);
                }
            }

            for (int i = 0; i < tools.Length; i++)
            {
                results.Add("bpf-memory", tools[i].Name, 1, BpfMemory(processes[i].Id) / 1024.0);
            }
        }
        finally
        {
            foreach (Process process in processes.Where(p => p is not null))
            {
                Tools.Signal(process, Tools.SigKill);
                process.WaitForExit();
                process.Dispose();
            }
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

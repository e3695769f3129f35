using System.Diagnostics;

namespace BindSnoop.Bench;

/// <summary>How long it takes until the first probe is attached, milliseconds.</summary>
internal static class Starting
{
    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            results.Add("start", "pwsh alone", round, UntilLine(() => Tools.StartPwsh(settings, "'ready'", import: false)));
            results.Add("start", "pwsh, module imported", round, UntilLine(() => Tools.StartPwsh(settings, "'ready'")));
            results.Add("start", "pwsh, trace started", round, UntilLine(() => Tools.StartPwsh(settings, "$trace = Start-BindTrace; 'ready'")));
            results.Add("start", "pwsh, tracepoint asked for", round, UntilLine(() => Tools.StartPwsh(settings, "$trace = Start-BindTrace -Backend Tracepoint; 'ready'")));
            results.Add("start", "bindsnoop --help", round, UntilEnd(() => Tools.Start(settings.CommandLine, "--help")));
            results.Add("start", "bindsnoop attached", round, UntilAttached(() => Tools.Start(settings.CommandLine)));
        }
    }

    private static double UntilLine(Func<Process> start)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = start();
        string? line = process.StandardOutput.ReadLine();
        double time = watch.Elapsed.TotalMilliseconds;
        process.Finish();
        return line == "ready" ? time : throw new InvalidOperationException($"pwsh said {line}");
    }

    private static double UntilEnd(Func<Process> start)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = start();
        process.Finish();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static double UntilAttached(Func<Process> start)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = start();
        string? line = process.StandardError.ReadLine();
        double time = watch.Elapsed.TotalMilliseconds;
        Tools.Stop(process);
        return line?.StartsWith("Tracing", StringComparison.Ordinal) == true ? time : throw new InvalidOperationException($"bindsnoop said {line}");
    }
}

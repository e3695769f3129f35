using System.Diagnostics;
using System.Globalization;

namespace BindSnoop.Bench;

/// <summary>
/// How many events a second a tool gets through: it is held while a large buffer fills, and timed from
/// when it continues.
/// </summary>
internal static class Throughput
{
    private const int WarmUp = 100_000;

    // What fits into the buffer.
    private const long Most = 1_000_000;

    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            Add(settings, results, "Get-BindEvent | Out-Null", round, StartPwsh("Get-BindEvent -BufferSize 256MB -MaxEvents {0} | Out-Null; 'done'"));
            Add(settings, results, "Get-BindEvent -IncludeError | Out-Null", round, StartPwsh("Get-BindEvent -IncludeError -BufferSize 256MB -MaxEvents {0} | Out-Null; 'done'"));
            Add(settings, results, "bindsnoop --json", round, StartCommandLine("--json"));
            Add(settings, results, "bindsnoop", round, StartCommandLine());
        }
    }

    private static Func<Settings, long, Process> StartPwsh(string script) =>
        (settings, events) => Tools.StartPwsh(settings, string.Format(CultureInfo.InvariantCulture, script, events));

    private static Func<Settings, long, Process> StartCommandLine(params string[] options) =>
        (settings, events) => Tools.Start(settings.CommandLine, [.. options, "--buffer-size", "256M", "--max-events", events.ToString(CultureInfo.InvariantCulture)]);

    private static void Add(Settings settings, Results results, string variant, int round, Func<Settings, long, Process> start)
    {
        long events = Math.Min(settings.Events, Most);
        using Process tool = start(settings, WarmUp + events);
        _ = tool.StandardError.ReadToEndAsync();
        Task drained = Task.Run(() => Drain(tool));
        Tools.WaitUntilAttached(tool);
        Tools.Load(settings, "--count", $"{WarmUp}");
        Thread.Sleep(1000);
        Tools.Signal(tool, Tools.SigStop);
        Tools.Load(settings, [.. Tools.OnAllProcessors, "--count", $"{events}"]);
        Stopwatch watch = Stopwatch.StartNew();
        Tools.Signal(tool, Tools.SigContinue);
        drained.Wait();
        results.Add("throughput", variant, round, events / watch.Elapsed.TotalSeconds);
        tool.WaitForExit();
    }

    private static void Drain(Process tool)
    {
        byte[] buffer = new byte[1 << 20];
        Stream output = tool.StandardOutput.BaseStream;
        int length;
        while ((length = output.Read(buffer)) > 0)
        {
            // The last thing that pwsh says; its own end is not in question.
            if (buffer.AsSpan(0, length).EndsWith("done\n"u8))
            {
                break;
            }
        }
    }
}

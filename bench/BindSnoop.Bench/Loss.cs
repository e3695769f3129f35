using System.Diagnostics;
using System.Globalization;

namespace BindSnoop.Bench;

/// <summary>Whether anything is lost, with default settings, while all processors bind, listen or close as fast as they can.</summary>
internal static class Loss
{
    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            // One long round; the others show the spread.
            Settings now = round == 1 ? settings : settings with { Seconds = Math.Min(settings.Seconds, 10) };
            foreach (Backend backend in TraceSupport.Probe().Backends.Where(b => b.Usable).Select(b => b.Backend))
            {
                TraceOptions options = new() { Backend = backend };
                Engine(now, results, round, $"binds, {backend}", new BindTracer(options), []);
                Engine(now, results, round, $"releases, {backend}", new ReleaseTracer(options), ["--close"]);
                // It has no program that runs on listen().
                if (backend != Backend.Cgroup) { Engine(now, results, round, $"listens, {backend}", new ListenTracer(options), ["--listen"]); }
            }

            if (settings.Module.Length > 0) { Pwsh(now, results, round); }
        }
    }

    private static void Engine<TEvent>(Settings settings, Results results, int round, string what, Tracer<TEvent> traced, string[] calls)
        where TEvent : TraceEvent
    {
        using Tracer<TEvent> tracer = traced;
        using Process load = Tools.StartLoad(settings, [.. Tools.OnAllProcessors, "--seconds", $"{settings.Seconds}", .. calls]);
        Task<string> said = load.StandardOutput.ReadToEndAsync();
        _ = said.ContinueWith(_ => tracer.Stop(), TaskScheduler.Default);

        long received = 0;
        long disordered = 0;
        long worst = 0;
        long last = 0;
        foreach (TEvent next in tracer.Read())
        {
            received += next.ProcessId == load.Id ? 1 : 0;
            if (next.KernelTime < last)
            {
                disordered++;
                worst = Math.Max(worst, last - next.KernelTime);
            }

            last = Math.Max(last, next.KernelTime);
        }

        using var made = System.Text.Json.JsonDocument.Parse(said.Result);
        long count = made.RootElement.GetProperty("made").GetInt64();
        results.Add("loss-rate", what, round, count / (double)settings.Seconds);
        results.Add("loss-lost", what, round, count - received);
        results.Add("loss-dropped", what, round, tracer.ReadStatistics().Dropped);
        results.Add("loss-disordered", what, round, disordered);
        results.Add("loss-disorder-ns", what, round, worst);
    }

    private static void Pwsh(Settings settings, Results results, int round)
    {
        using Process pwsh = Tools.StartPwsh(
            settings,
            $"Get-BindEvent -Duration {settings.Seconds + 2} -WarningVariable lost -WarningAction SilentlyContinue | Out-Null; \"lost $lost\"");
        Tools.WaitUntilAttached(pwsh);
        long made = Tools.Load(settings, [.. Tools.OnAllProcessors, "--seconds", $"{settings.Seconds}"]).GetProperty("made").GetInt64();
        string lost = pwsh.Finish()["lost".Length..].Trim();
        results.Add("loss-rate", "Get-BindEvent", round, made / (double)settings.Seconds);
        results.Add("loss-dropped", "Get-BindEvent", round, lost.Length == 0 ? 0 : long.Parse(lost.Split(' ')[0], CultureInfo.InvariantCulture));
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;

namespace BindSnoop.Bench;

/// <summary>The time from the end of a call in the kernel to the object, milliseconds.</summary>
internal static class Latency
{
    private const int Binds = 300;

    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            Add(results, "bare reader in C, quiet", round, FloorQuiet(settings));
            Add(results, "engine, quiet", round, EngineQuiet());
            Add(results, "engine, full load", round, EngineLoaded(settings));
            Add(results, "Get-BindEvent, quiet", round, PwshQuiet(settings));
            Add(results, "Get-BindEvent, full load", round, PwshLoaded(settings));
        }
    }

    // Longer says nothing more.
    private static int LoadSeconds(Settings settings) => Math.Min(settings.Seconds, 10);

    private static void Add(Results results, string variant, int round, List<double> times)
    {
        times.Sort();
        results.Add("latency-median", variant, round, times[times.Count / 2]);
        results.Add("latency-99", variant, round, times[times.Count * 99 / 100]);
        results.Add("latency-max", variant, round, times[^1]);
    }

    private static List<double> FloorQuiet(Settings settings)
    {
        using Process floor = Tools.Start(Path.Combine(settings.Floor, "floor"), Path.Combine(settings.Floor, "floor.bpf.o"), "wake", "tracepoint");
        Tools.WaitUntilAttached(floor);
        BindSlowly(Binds, () => Tools.Signal(floor, Tools.SigInt));
        return Cold(Times(floor.Finish()));
    }

    private static List<double> EngineQuiet()
    {
        using BindTracer tracer = new(new TraceOptions { Filter = new TraceFilter { ProcessId = [(uint)Environment.ProcessId] } });
        using CancellationTokenSource done = new();
        Thread binder = new(() => BindSlowly(Binds, done.Cancel));
        List<double> times = [];
        binder.Start();
        foreach (BindEvent next in tracer.Read(cancellationToken: done.Token))
        {
            times.Add((KernelClock.Now - next.KernelTime) / 1e6);
            if (times.Count == Binds)
            {
                break;
            }
        }

        binder.Join();
        return Cold(times);
    }

    private static List<double> EngineLoaded(Settings settings)
    {
        using BindTracer tracer = new(new TraceOptions());
        using Process load = Tools.StartLoad(settings, [.. Tools.OnAllProcessors, "--seconds", $"{LoadSeconds(settings)}"]);
        load.Exited += (_, _) => tracer.Stop();
        load.EnableRaisingEvents = true;
        List<double> times = [];
        foreach (BindEvent next in tracer.Read())
        {
            if (next.ProcessId == load.Id)
            {
                times.Add((KernelClock.Now - next.KernelTime) / 1e6);
            }
        }

        return Cold(times);
    }

    private static List<double> PwshQuiet(Settings settings)
    {
        using Process pwsh = Tools.StartPwsh(
            settings,
            $"Get-BindEvent -ProcessId {Environment.ProcessId} -MaxEvents {Binds} | ForEach-Object {{ ([DateTime]::Now - $_.Time).TotalMilliseconds.ToString('r', [cultureinfo]::InvariantCulture) }}");
        Tools.WaitUntilAttached(pwsh);
        BindSlowly(Binds, () => { });
        return Cold(Times(pwsh.Finish()));
    }

    // A script block for each event would be the load.
    private const string Sink = """
        using System;
        using System.Collections.Generic;
        using System.Globalization;
        using System.Management.Automation;

        [Cmdlet("Measure", "Latency")]
        public sealed class MeasureLatency : PSCmdlet
        {
            private readonly List<double> times = new();

            private int count;

            [Parameter(ValueFromPipeline = true)]
            public PSObject InputObject { get; set; }

            protected override void ProcessRecord()
            {
                if (++count % 64 == 0)
                {
                    DateTime time = (DateTime)InputObject.Properties["Time"].Value;
                    times.Add((DateTime.Now - time).TotalMilliseconds);
                }
            }

            // Nobody reads what is written during the load.
            protected override void EndProcessing()
            {
                foreach (double time in times)
                {
                    WriteObject(time.ToString("r", CultureInfo.InvariantCulture));
                }
            }
        }
        """;

    private static List<double> PwshLoaded(Settings settings)
    {
        using Process pwsh = Tools.StartPwsh(
            settings,
            $"Add-Type -PassThru -TypeDefinition '{Sink}' | ForEach-Object Assembly | Import-Module; Get-BindEvent -Duration {LoadSeconds(settings)} 3>$null | Measure-Latency");
        Tools.WaitUntilAttached(pwsh);
        Tools.Load(settings, [.. Tools.OnAllProcessors, "--seconds", $"{LoadSeconds(settings) - 1}"]);
        return Cold(Times(pwsh.Finish()));
    }

    private static List<double> Times(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => double.Parse(l, CultureInfo.InvariantCulture))];

    // The first ones run code that is not compiled yet.
    private static List<double> Cold(List<double> times) => times.Count > 100 ? times[(times.Count / 10)..] : times;

    private static void BindSlowly(int count, Action done)
    {
        for (int i = 0; i < count; i++)
        {
            Thread.Sleep(10);
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        }

        Thread.Sleep(200);
        done();
    }
}

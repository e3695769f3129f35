using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BindSnoop.Host;

namespace BindSnoop.Bench;

/// <summary>
/// The time from the end of a failing call in the kernel until its cause is known, milliseconds; and what a program that
/// only fails notices of it, nanoseconds.
/// </summary>
internal static class Explaining
{
    private const int Binds = 300;
    private const int Processes = 1000;
    private const int SocketsOfEach = 10;

    private static readonly TraceOptions s_own = new() { Explain = true, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    private static readonly TraceFilter s_load = new() { Comm = ["bindtruth"] };

    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            Add(results, "few sockets", round);
            using Process crowd = Tools.Start(settings.Truth, "sockets", "--crowd", $"{Processes}", $"{SocketsOfEach}");
            _ = crowd.StandardOutput.ReadLine();
            Add(results, $"{Processes:N0} processes with {Processes * SocketsOfEach:N0} sockets", round);
            crowd.StandardInput.Close();
            crowd.WaitForExit();

            AddLoad(settings, results, "nothing", round, null);
            AddLoad(settings, results, "traced", round, new() { Filter = s_load with { IncludeError = true } });
            AddLoad(settings, results, "explained", round, new() { Explain = true, Filter = s_load });
        }
    }

    private static void Add(Results results, string variant, int round)
    {
        List<double> times = Times();
        times.Sort();
        results.Add("explained-median", variant, round, times[times.Count / 2]);
        results.Add("explained-99", variant, round, times[times.Count * 99 / 100]);
        results.Add("explained-max", variant, round, times[^1]);
    }

    private static List<double> Times()
    {
        using Socket holder = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        holder.Listen();
        using BindTracer tracer = new(s_own);
        Thread binder = new(() => Fail(holder.LocalEndPoint!));
        List<double> times = [];
        binder.Start();
        foreach (BindEvent next in tracer.Read().Take(Binds))
        {
            if (next.Cause != "Listening")
            {
                throw new InvalidOperationException($"{next}: {next.Explanation}");
            }

            times.Add((KernelClock.Now - next.KernelTime) / 1e6);
        }

        binder.Join();

        // The first ones run code that is not compiled yet.
        return times[(Binds / 10)..];
    }

    private static void Fail(EndPoint where)
    {
        for (int i = 0; i < Binds; i++)
        {
            Thread.Sleep(50);
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(where);
            }
            catch (SocketException)
            {
                // As it is to be.
            }
        }
    }

    private static void AddLoad(Settings settings, Results results, string variant, int round, TraceOptions? options)
    {
        using BindTracer? tracer = options is null ? null : new(options);
        long read = 0;
        Thread reader = new(() => read = tracer?.Read().LongCount(e => e.ErrorCode != 0) ?? 0);
        reader.Start();
        JsonElement load = Tools.Load(settings, "--fail", "--seconds", $"{settings.Seconds}");
        tracer?.Stop();
        reader.Join();
        results.Add("failing-ns", variant, round, load.GetProperty("medianNanoseconds").GetDouble());
        results.Add("failing-mean-ns", variant, round, load.GetProperty("nsPerBind").GetDouble());
        if (tracer is not null)
        {
            double failed = load.GetProperty("failed").GetDouble();
            results.Add("failing-rate", variant, round, failed / (load.GetProperty("wallNanoseconds").GetDouble() / 1e9));
            results.Add("failing-lost", variant, round, tracer.ReadStatistics().Dropped);
            results.Add("failing-missing", variant, round, failed - read);
            results.Add("failing-explained", variant, round, options!.Explain ? (read - tracer.NotExplained) / (double)settings.Seconds : 0);
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using BindSnoop.Loading;
using BindSnoop.Proving;
using BindSnoop.Reading;

namespace BindSnoop.Bench;

/// <summary>
/// How long it takes until a trace is attached with its proof and without, milliseconds: the first in a process, which compiles what
/// it calls, and later ones.
/// </summary>
internal static class Proving
{
    private const int Later = 3;

    private static readonly string[] s_hows = ["without proof", "with proof, not rehearsed", "with proof"];

    public static void Measure(Settings settings, Results results)
    {
        for (int round = 1; round <= settings.Rounds; round++)
        {
            foreach (string how in s_hows)
            {
                using Process process = Tools.Start(Environment.ProcessPath!, "attach", how);
                double[] times = [.. process.Finish().Split(' ').Select(t => double.Parse(t, CultureInfo.InvariantCulture))];
                results.Add("attached", $"first, {how}", round, times[0]);
                results.Add("attached", $"later, {how}", round, times[1..].Min());
            }
        }
    }

    /// <summary>The process that is measured.</summary>
    public static int Attach(string how)
    {
        List<double> times = [];
        for (int i = 0; i <= Later; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            TraceOptions options = new();
            Func<TraceSession, TraceProof> prove = Array.IndexOf(s_hows, how) switch
            {
                0 => _ => new TraceProof(null, "", []),
                1 => session => Prover.Prove(session, options.Filter),
                2 => Prover.For(TracerDefinition.Bind, options.Filter, isCounting: false),
                _ => throw new ArgumentException(how),
            };
            using EventSession session = EventSession.Open(TracerDefinition.Bind, options, prove, out _);
            times.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        Console.WriteLine(string.Join(' ', times.Select(t => t.ToString("F3", CultureInfo.InvariantCulture))));
        return 0;
    }
}

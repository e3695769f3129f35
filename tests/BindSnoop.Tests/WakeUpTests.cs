using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Both threads of a trace sleep while nothing happens, and miss no event for it.</summary>
public sealed class WakeUpTests
{
    private static readonly TraceOptions s_ownCalls = new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    [Fact]
    public void AnIdleReaderSleeps()
    {
        Requires.Tracing();
        using Collector collector = new(s_ownCalls);
        Bind(21000);
        Assert.True(collector.WaitFor(e => e.Port == 21000, TimeSpan.FromSeconds(5)));
        Thread.Sleep(300);

        int[] threads = [collector.ReaderId, ReadAheadThread()];
        string[] before = [.. threads.Select(Switches)];
        Thread.Sleep(2000);
        Assert.Equal(before, threads.Select(Switches));

        // The counts show when they are awake.
        Bind(21001);
        Assert.True(collector.WaitFor(e => e.Port == 21001, TimeSpan.FromSeconds(5)));
        Thread.Sleep(300);
        Assert.All(threads.Zip(before), t => Assert.NotEqual(t.Second, Switches(t.First)));
    }

    /// <summary>The best of a few tries: what else the machine does may delay one.</summary>
    [Fact]
    public void AnEventAfterALongTimeComesAtOnce()
    {
        Requires.Tracing();
        using Collector collector = new(s_ownCalls);
        TimeSpan best = TimeSpan.MaxValue;
        for (int i = 0; i < 5 && best > TimeSpan.FromMilliseconds(100); i++)
        {
            Thread.Sleep(1000);
            ushort port = (ushort)(21000 + i);
            Bind(port);
            long start = Stopwatch.GetTimestamp();
            Assert.True(collector.WaitFor(e => e.Port == port, TimeSpan.FromSeconds(5)));
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            best = took < best ? took : best;
        }

        Assert.True(best <= TimeSpan.FromMilliseconds(100), $"{best}");
    }

    /// <summary>
    /// The next call is made only when the last one has been seen, as it would wake a reader that had missed
    /// the last; and after a time that falls at any point of the reader's way to sleep.
    /// </summary>
    [Fact]
    public void NoWakeUpIsLost()
    {
        Requires.Tracing();
        const int Count = 600;
        Random random = new(1);
        using Collector collector = new(s_ownCalls);
        List<TimeSpan> delays = [];
        for (int i = 0; i < Count; i++)
        {
            long pause = random.Next(0, 16_000) * Stopwatch.Frequency / 1_000_000;
            long from = Stopwatch.GetTimestamp();
            if (pause > Stopwatch.Frequency / 500)
            {
                Thread.Sleep(TimeSpan.FromSeconds((double)pause / Stopwatch.Frequency) - TimeSpan.FromMilliseconds(1));
            }

            while (Stopwatch.GetTimestamp() - from < pause)
            {
                Thread.SpinWait(10);
            }

            int seen = i + 1;
            Bind((ushort)(21000 + i));
            long start = Stopwatch.GetTimestamp();
            Assert.True(collector.WaitForCount(seen, TimeSpan.FromSeconds(3)), $"Bind {i} was not seen.");
            delays.Add(Stopwatch.GetElapsedTime(start));
        }

        Assert.Equal(Enumerable.Range(21000, Count), collector.Finish().Select(e => e.Port));
        delays.Sort();
        Assert.True(delays[Count / 2] < TimeSpan.FromMilliseconds(20), $"half of the delays are above {delays[Count / 2]}");
    }

    /// <summary>The one that reads from the kernel; there is one trace in this test.</summary>
    private static int ReadAheadThread() => int.Parse(
        Path.GetFileName(Directory.GetDirectories("/proc/self/task").Single(t => File.ReadAllText($"{t}/comm").Trim() == "event reader")),
        CultureInfo.InvariantCulture);

    private static string Switches(int thread) =>
        File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{thread}/status"))
            .Single(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal));

    private static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));
}

using BindSnoop.Abi;
using BindSnoop.Background;
using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Reading is ahead of handing out, in the order of time, and within bounds.</summary>
public sealed class ReadAheadTests
{
    private const int SmallestBuffer = 4096;

    private static readonly TraceOptions s_ownCalls = new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    /// <summary>Far more than the buffer holds, while whoever takes the events takes none.</summary>
    [Fact]
    public void ATakerThatPausesLosesNothing()
    {
        Requires.Tracing();
        const int Count = 3000;
        using BindTracer tracer = new(s_ownCalls with { BufferSize = Environment.SystemPageSize });
        List<int> ports = [];
        Bind(21000);
        foreach (BindEvent first in tracer.Read())
        {
            ports.Add(first.Port);
            if (ports.Count == 1)
            {
                for (int i = 1; i <= Count; i++)
                {
                    Bind((ushort)(21000 + i));

                    // So that the reading thread can keep up on a busy machine: it has this one's buffer to itself.
                    Assert.True(SpinWait.SpinUntil(() => tracer.MostReadAhead >= i - 5, TimeSpan.FromSeconds(20)));
                }

                tracer.Stop();
            }
        }

        Assert.Equal(Enumerable.Range(21000, Count + 1), ports);
        Assert.Equal(0, tracer.ReadStatistics().Dropped);
        Assert.True(tracer.MostReadAhead > Count / 2);
    }

    [Fact]
    public void NoMoreIsReadThanMayWait()
    {
        Requires.Tracing();
        Assert.SkipUnless(Environment.SystemPageSize == SmallestBuffer, "Pages are larger here.");
        const int Count = 5000;
        using BindTracer tracer = new(s_ownCalls with { BufferSize = SmallestBuffer, ReadAhead = 512 });
        int received = 0;
        Bind(21000);
        foreach (BindEvent _ in tracer.Read())
        {
            if (received++ == 0)
            {
                for (int i = 1; i <= Count; i++)
                {
                    Bind((ushort)(21000 + i));
                }

                tracer.Stop();
            }
        }

        TraceStatistics statistics = tracer.ReadStatistics();
        Assert.Equal(received, statistics.Emitted);
        Assert.Equal(Count + 1, statistics.Emitted + statistics.Dropped);

        // Two batches wait, one is with the reading thread, one with the taker, and one buffer in the kernel.
        Assert.InRange(received, 1, (4 * 256) + (SmallestBuffer / 100));
        Assert.InRange(tracer.MostReadAhead, 1, 3 * 256);
    }

    /// <summary>However long the taker takes.</summary>
    [Fact]
    public void TheDurationEndsOnTimeWhileTheTakerIsBusy()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls with { ReadAhead = 256 });
        Bind(21000);
        List<int> ports = [];
        foreach (BindEvent next in tracer.Read(TimeSpan.FromMilliseconds(500)))
        {
            if (ports.Count == 0)
            {
                // Nothing is taken meanwhile, and there is no room for all of them.
                for (int i = 1; i <= 2000; i++)
                {
                    Bind((ushort)(21000 + i));
                }

                Thread.Sleep(1500);
                Bind(23500);
            }

            ports.Add(next.Port);
        }

        Assert.DoesNotContain(23500, ports);
        Assert.Equal(Enumerable.Range(21000, 500), ports.Take(500));
    }

    [Fact]
    public void AnErrorWhileReadingReachesTheTaker()
    {
        Requires.Tracing();
        using FailingTracer tracer = new();
        Bind(21000);
        Assert.Equal("cannot be read", Assert.Throws<InvalidTimeZoneException>(() => tracer.Read().Count()).Message);
    }

    [Fact]
    public void AFailedTraceSaysWhatFailed()
    {
        Requires.Tracing();
        using BindTrace trace = new("some\u001b", 1, BindTraceMode.Event, s_ownCalls, 10, new EventWorker(new FailingTracer(21001), 10));
        Assert.Null(trace.Failure);
        Bind(21000);
        Assert.True(SpinWait.SpinUntil(() => trace.Queued == 1, TimeSpan.FromSeconds(20)));
        Bind(21001);

        // What came before is delivered, and then it ends.
        Assert.Equal([21000], BindTrace.Follow([trace], CancellationToken.None).Select(e => e.Event.Port));
        Assert.Equal(BindTraceState.Failed, trace.State);
        Assert.IsType<InvalidTimeZoneException>(trace.Error);
        TraceException failure = trace.Failure!;
        Assert.Equal("TraceFailed", failure.ErrorId);
        Assert.Contains(@"'some\x1b' failed", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("cannot be read", failure.Message, StringComparison.Ordinal);

        trace.Stop();
        Assert.Equal(BindTraceState.Failed, trace.State);
        trace.Dispose();
        Assert.Equal(BindTraceState.Removed, trace.State);
        Assert.NotNull(trace.Failure);
    }

    /// <summary>What comes while it is taken is for the next time.</summary>
    [Fact]
    public void OnlyQueuedEventsAreTaken()
    {
        Requires.Tracing();
        using BindTraceRegistry registry = new();
        BindTrace trace = registry.Start("some", BindTraceMode.Event, s_ownCalls);
        Bind(21000);
        Bind(21001);
        WaitForReceived(trace, 2);
        List<int> ports = [];
        foreach (BindEvent next in trace.TakeQueued())
        {
            ports.Add(next.Port);
            Assert.True(ports.Count < 10, "There is no end to it.");
            Bind((ushort)(21000 + ports.Count + 1));
            WaitForReceived(trace, ports.Count + 2);
        }

        Assert.Equal([21000, 21001], ports);
        Assert.Equal([21002, 21003], trace.TakeQueued().Select(e => e.Port));
    }

    [Fact]
    public void FollowingSeveralWakesForEach()
    {
        Requires.Tracing();
        using BindTraceRegistry registry = new();
        BindTrace[] traces =
        [
            .. new ushort[] { 21000, 21001, 21002 }.Select(port => registry.Start(
                null, BindTraceMode.Event, s_ownCalls with { Filter = s_ownCalls.Filter with { Port = [new PortRange(port, port)] } }))
        ];
        List<(string, int)> seen = [];
        Thread follower = new(() =>
        {
            foreach ((BindTrace trace, BindEvent next) in BindTrace.Follow(traces, CancellationToken.None))
            {
                lock (seen)
                {
                    seen.Add((trace.Name, next.Port));
                }
            }
        });
        follower.Start();
        for (int i = 0; i < 30; i++)
        {
            Bind((ushort)(21000 + (i * 7 % 3)));
            Assert.True(SpinWait.SpinUntil(() => { lock (seen) { return seen.Count == i + 1; } }, TimeSpan.FromSeconds(20)));
        }

        // The others go on while one has ended.
        traces[1].Stop();
        Bind(21000);
        Bind(21002);
        Assert.True(SpinWait.SpinUntil(() => { lock (seen) { return seen.Count == 32; } }, TimeSpan.FromSeconds(20)));
        Assert.True(follower.IsAlive);
        registry.Remove(traces[0]);
        traces[2].Stop();
        Assert.True(follower.Join(TimeSpan.FromSeconds(20)));
        Assert.All(seen, s => Assert.Equal(traces[s.Item2 - 21000].Name, s.Item1));
    }

    [Fact]
    public void CancellationEndsFollowing()
    {
        Requires.Tracing();
        using BindTraceRegistry registry = new();
        BindTrace[] traces = [registry.Start(null, BindTraceMode.Event, s_ownCalls), registry.Start(null, BindTraceMode.Event, s_ownCalls)];
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(200));
        Assert.Empty(BindTrace.Follow(traces, cancellation.Token));
        Assert.All(traces, t => Assert.Equal(BindTraceState.Running, t.State));
    }

    /// <summary>Each loss is reported to whoever takes events, and once.</summary>
    [Fact]
    public void LossesOfAQueueAreReportedOnce()
    {
        Requires.Tracing();
        using BindTraceRegistry registry = new();
        BindTrace trace = registry.Start("some", BindTraceMode.Event, s_ownCalls, 2);
        Assert.Null(trace.TakeLoss());
        for (int i = 0; i < 5; i++)
        {
            Bind((ushort)(21000 + i));
        }

        WaitForReceived(trace, 5);
        Assert.Equal([21003, 21004], trace.TakeQueued().Select(e => e.Port));
        Assert.Equal((3, LossCause.QueueFull), trace.TakeLoss() is { } loss ? (loss.Lost, loss.Cause) : default);
        Assert.Null(trace.TakeLoss());
        Assert.Equal(3, trace.Dropped);
    }

    private static void WaitForReceived(BindTrace trace, int count) =>
        Assert.True(SpinWait.SpinUntil(() => trace.Received >= count, TimeSpan.FromSeconds(20)));

    private static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));

    /// <summary>Cannot read the binds of one port, or of any.</summary>
    private sealed class FailingTracer(int port = 0) : Tracer<BindEvent>(TracerDefinition.Bind, s_ownCalls)
    {
        private protected override EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher)
        {
            ref readonly BindSample bind = ref SampleBytes.As<BindSample>(sample);
            return port == 0 || bind.Port == port
                ? throw new InvalidTimeZoneException("cannot be read")
                : enricher.LookUp(bind.Origin, bind.InterfaceIndex, Backend);
        }

        private protected override BindEvent Decode(ReadOnlySpan<byte> sample, in EventContext context) =>
            new(SampleBytes.As<BindSample>(sample), context);
    }
}

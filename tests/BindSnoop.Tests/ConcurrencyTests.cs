using System.Collections.Concurrent;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Many traces at once, each of which accounts for everything.</summary>
public sealed class ConcurrencyTests
{
    /// <summary>
    /// The kernel lets a tracepoint have 64 programs, and a function 38 by trampoline. Others on the machine may
    /// have some of them, so the last ones may be refused, by one error that says so.
    /// </summary>
    [Fact]
    public void SixtyFourTraces()
    {
        Requires.Tracing();
        const int Count = 64;
        using CgroupTree tree = new();
        TraceOptions options = new() { BufferSize = 1 << 18, Filter = new() { Cgroup = [tree.Root] } };
        List<Collector> collectors = [];
        try
        {
            while (collectors.Count < Count)
            {
                try
                {
                    collectors.Add(new Collector(options));
                }
                catch (TraceException exception)
                {
                    Assert.True(Requires.IsRefusal(exception), exception.ErrorId);
                    Assert.Contains("E2BIG", exception.Message, StringComparison.Ordinal);
                    TraceException last = Assert.IsType<TraceException>(exception.InnerException);
                    Assert.Contains("too many traces", last.RecommendedAction, StringComparison.Ordinal);
                    break;
                }
            }

            Assert.InRange(collectors.Count, Count / 2, Count);
            TestContext.Current.TestOutputHelper?.WriteLine($"{collectors.Count} traces through {string.Join(", ", collectors.GroupBy(c => c.Tracer.Backend).Select(g => $"{g.Key} ({g.Count()})"))}");
            Load load = Load.Run(tree, 1000, 2);
            Assert.All(collectors, collector => AllAccountedFor(load.Total, collector));
        }
        finally
        {
            collectors.ForEach(c => c.Dispose());
        }
    }

    /// <summary>Traces begin and end on many threads, stopped, disposed of and cancelled by others; one that stays misses nothing.</summary>
    [Fact]
    public void RacesOfStartAndStop()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        using (Collector constant = new(new TraceOptions { Filter = new() { Cgroup = [tree.Root] } }))
        {
            ConcurrentQueue<Exception> failures = [];
            Thread[] threads = [.. Enumerable.Range(0, 6).Select(seed => new Thread(() =>
            {
                try
                {
                    Random random = new(seed);
                    for (int i = 0; i < 10; i++)
                    {
                        BeginAndEnd(random);
                    }
                }
                catch (Exception exception)
                {
                    failures.Enqueue(exception);
                }
            }))];
            Array.ForEach(threads, t => t.Start());
            Load load = Load.Run(tree, 20_000, 2);
            Array.ForEach(threads, t => t.Join());
            Assert.Empty(failures);
            AllAccountedFor(load.Total, constant);
        }

        Assert.Equal(before, KernelObjects.Descriptors());
    }

    private static void BeginAndEnd(Random random)
    {
        using CancellationTokenSource cancellation = new();
        BindTracer tracer = new(new TraceOptions { BufferSize = 1 << 16 });
        Thread reader = new(() =>
        {
            try
            {
                foreach (BindEvent _ in tracer.Read(cancellationToken: cancellation.Token))
                {
                }
            }
            catch (ObjectDisposedException)
            {
                // Disposed of before it began to read.
            }
        });
        reader.Start();
        Action[] ends = [tracer.Stop, tracer.Dispose, cancellation.Cancel, () => { try { _ = tracer.ReadStatistics(); } catch (ObjectDisposedException) { } }];
        random.Shuffle(ends);
        Parallel.Invoke(ends);
        Assert.True(reader.Join(TimeSpan.FromSeconds(30)));
        tracer.Dispose();
    }

    /// <summary>What the kernel did not run counts as dropped whoever made the call, so there may be more of that.</summary>
    private static void AllAccountedFor(long made, Collector collector)
    {
        int received = collector.Finish(out TraceStatistics statistics).Count;
        Assert.Equal(received, statistics.Emitted);
        Assert.InRange(made - received, 0, statistics.Dropped);
    }
}

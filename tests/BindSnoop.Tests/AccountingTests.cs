using System.Diagnostics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every call is accounted for: sent, dropped or filtered, and never two of them.</summary>
public sealed class AccountingTests
{
    private const int SmallestBuffer = 4096;

    [Fact]
    public void ABufferThatIsFullDrops()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using BindTracer tracer = new(Options(tree, Environment.SystemPageSize));

        // Nobody reads while they are made, so that all but what fits is lost.
        Load load = Load.Run(tree, 5000, 2);
        tracer.Stop();
        int received = tracer.Read().Count();
        TraceStatistics statistics = tracer.ReadStatistics();
        Assert.Equal(received, statistics.Emitted);
        Assert.Equal(load.Total, statistics.Emitted + statistics.Dropped);
        Assert.InRange(received, 1, Environment.SystemPageSize / 100);
    }

    /// <summary>The buffer goes round hundreds of times under a reader that is too slow at first.</summary>
    [Fact]
    public void ABufferThatIsTooSmall()
    {
        Requires.Tracing();
        Assert.SkipUnless(Environment.SystemPageSize == SmallestBuffer, "Pages are larger here.");
        using CgroupTree tree = new();
        using Collector collector = new(Options(tree, SmallestBuffer));
        Load load = Load.Run(tree, 40_000, 2);
        IReadOnlyList<BindEvent> events = collector.Finish(out TraceStatistics statistics);
        Assert.Equal(events.Count, statistics.Emitted);
        Assert.Equal(load.Total, statistics.Emitted + statistics.Dropped);
        Assert.True(statistics.Dropped > 0, $"{statistics}");
        AllWhole(events);
    }

    /// <summary>Where threads must share processors, some are interrupted within a call, or within the program that reports it.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void ABufferThatIsLargeEnough(int threads)
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using Collector collector = new(Options(tree, TraceOptions.DefaultBufferSize));
        Load load = Load.Run(tree, 40_000, threads);
        IReadOnlyList<BindEvent> events = collector.Finish(out TraceStatistics statistics);
        Assert.Equal(load.Total, events.Count);
        Assert.Equal((load.Total, 0), (statistics.Emitted, statistics.Dropped));
        AllWhole(events);
    }

    [Fact]
    public void FailuresCount()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        TraceOptions options = Options(tree, TraceOptions.DefaultBufferSize);
        using Collector collector = new(options with { Filter = options.Filter with { IncludeError = true } });
        using Collector successes = new(options);
        Load load = Load.Run(tree, 2000, 2, fail: true);
        IReadOnlyList<BindEvent> events = collector.Finish(out TraceStatistics statistics);
        Assert.Equal(load.Made, load.Failed);
        Assert.Equal(load.Total, events.Count);
        Assert.Equal(load.Total, statistics.Emitted);
        Assert.Equal(load.Failed, events.Count(e => e.ErrorName == "EADDRINUSE" && e.Port == e.RequestedPort));

        Assert.Equal(load.SetupBinds, successes.Finish(out statistics).Count);
        Assert.Equal((load.SetupBinds, 0), (statistics.Emitted, statistics.Dropped));
        // Programs of the cgroup do not run when a bind fails.
        Assert.True(successes.Tracer.Backend == Backend.Cgroup || statistics.Filtered >= load.Failed, $"{statistics}");
    }

    /// <summary>
    /// Filtered calls are counted whoever makes them, so others on the machine can only add to the sum. A few
    /// quiet moments are all it takes to see that nothing else does.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FilteredCallsAreCounted(bool fail)
    {
        Requires.Tracing();
        using (BindTracer tracer = new(new TraceOptions()))
        {
            Assert.SkipWhen(fail && tracer.Backend == Backend.Cgroup, "Programs of the cgroup do not run when a bind fails.");
        }

        using CgroupTree tree = new();
        long least = long.MaxValue;
        for (int i = 0; i < 20 && least != 0; i++)
        {
            TraceFilter filter = new() { Cgroup = [tree.Root], Port = fail ? [] : [new PortRange(1, 1)] };
            using Collector collector = new(new TraceOptions { Filter = filter });
            Load load = Load.Run(tree, 1000, 1, fail);
            collector.Finish(out TraceStatistics statistics);
            long extra = statistics.Emitted + statistics.Dropped + statistics.Filtered - load.Total;
            Assert.True(extra >= 0, $"{statistics} of {load}");
            Assert.Equal((fail ? load.SetupBinds : 0, 0), (statistics.Emitted, statistics.Dropped));
            least = Math.Min(least, extra);
        }

        Assert.SkipWhen(least > 0 && OthersBind(), "Others bind all the time on this machine.");
        Assert.Equal(0, least);
    }

    /// <summary>
    /// A call under way while the programs are being attached or detached is seen by one half of them only. It
    /// was not lost: it began before the trace, or ended after it. Nor does reading the statistics without a pause
    /// lose any, as reading a BPF map would on a kernel that preempts (docs/reliability.md).
    /// </summary>
    [Fact]
    public void CallsInProgressAtTheStartAndTheEndAreNotLost()
    {
        Requires.Tracing();
        using Process load = Truth.Start("load", "--threads", "2", "--seconds", "600");
        try
        {
            for (int i = 0; i < 4; i++)
            {
                using BindTracer tracer = new(new TraceOptions { Filter = new() { Port = [new PortRange(1, 1)] } });
                Assert.True(SpinWait.SpinUntil(() => tracer.ReadStatistics().Filtered > 1000, TimeSpan.FromSeconds(20)));
                tracer.Stop();
                Assert.Empty(tracer.Read());
                Assert.Equal(0, tracer.ReadStatistics().Dropped);
            }
        }
        finally
        {
            load.Kill();
            load.WaitForExit();
        }
    }

    /// <summary>What was sent until the very end is emitted, though nobody stops for the end.</summary>
    [Fact]
    public void StoppingUnderLoadLosesNothing()
    {
        Requires.Tracing();
        using Process load = Truth.Start("load", "--threads", "4", "--seconds", "600");
        try
        {
            for (int i = 0; i < 5; i++)
            {
                using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)load.Id] } });
                Assert.True(collector.WaitForCount(1000 * i, TimeSpan.FromSeconds(20)));
                int received = collector.Finish(out TraceStatistics statistics).Count;
                Assert.Equal((received, 0), (statistics.Emitted, statistics.Dropped));
            }
        }
        finally
        {
            load.Kill();
            load.WaitForExit();
        }
    }

    private static bool OthersBind()
    {
        using BindCounter counter = new(new TraceOptions { Filter = new() { IncludeError = true } });
        Thread.Sleep(1000);
        return counter.ReadStatistics().Emitted > 0;
    }

    private static TraceOptions Options(CgroupTree tree, int bufferSize) =>
        new() { BufferSize = bufferSize, Filter = new() { Cgroup = [tree.Root] } };

    private static void AllWhole(IReadOnlyList<BindEvent> events)
    {
        Assert.Single(events.Select(e => e.ProcessId).Distinct());
        Assert.All(events, e => Assert.Equal(
            ("bindtruth", "TCP", "127.0.0.1", "127.0.0.1", 0, ".....", 0),
            (e.Comm, e.Protocol, e.Address, e.RequestedAddress, e.RequestedPort, e.OptionString, e.ErrorCode)));
        foreach (IGrouping<int, BindEvent> thread in events.GroupBy(e => e.ThreadId))
        {
            Assert.Equal(thread.Select(e => e.KernelTime).Order(), thread.Select(e => e.KernelTime));
        }
    }
}

using Xunit;

namespace BindSnoop.Tests;

/// <summary>Counts made in the kernel.</summary>
public sealed class CountTests
{
    [Fact]
    public void EveryCallIsCountedOnce()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using BindCounter counter = new(Options(tree));
        Load load = Load.Run(tree, 20_000, 4);
        counter.Stop();
        IReadOnlyList<BindCount> counts = counter.Read();
        Assert.Equal(load.Total, counts.Sum(c => c.Count));
        Assert.Equal(new TraceStatistics(load.Total, 0, counter.ReadStatistics().Filtered), counter.ReadStatistics());

        // Every port that the kernel chose is a row of its own, and the same in nothing else.
        Assert.Equal(counts.Count, counts.Select(c => c.Port).Distinct().Count());
        Assert.All(counts, c => Assert.Equal(
            ("127.0.0.1", "IPv4", "TCP", 6, 0, 0, ""), (c.Address, c.AddressFamily, c.Protocol, c.ProtocolNumber, c.InterfaceIndex, c.ErrorCode, c.ErrorName)));
        Assert.Equal(counts.Select(c => c.Count).OrderDescending(), counts.Select(c => c.Count));
    }

    /// <summary>Many threads at one key: no increment is lost.</summary>
    [Fact]
    public void FailuresAreRowsOfTheirOwn()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        TraceOptions options = Options(tree);
        using BindCounter counter = new(options with { Filter = options.Filter with { IncludeError = true } });
        Load load = Load.Run(tree, 200_000, 4, fail: true);
        IReadOnlyList<BindCount> counts = counter.Read();
        Assert.Equal([(load.Failed, "EADDRINUSE"), (load.SetupBinds, "")], counts.Select(c => (c.Count, c.ErrorName)));
        Assert.Single(counts.Select(c => (c.Address, c.Port, c.Protocol)).Distinct());
    }

    /// <summary>What a failed call requested is counted as its event shows it: perhaps no address, or one of another family.</summary>
    [Fact]
    public void FailuresAreCountedByTheirRequest()
    {
        Requires.Tracing();
        string[] errors = ["EINVAL", "EFAULT", "EAFNOSUPPORT"];
        TraceOptions options = new() { Filter = new() { Comm = ["bindtruth"], IncludeError = true } };
        using BindCounter counter = new(options);
        using Collector collector = new(options);
        Truth.Run("einval-short4", "einval-short6", "efault", "eafnosupport4", "eafnosupport6", "einval-twice4");
        counter.Stop();
        var told = collector.Finish(out _)
            .Where(e => errors.Contains(e.ErrorName))
            .GroupBy(e => (e.ErrorName, e.AddressFamily, e.Protocol, e.Address, e.Port, e.Endpoint))
            .Select(g => (g.Key, g.LongCount()));
        var counted = counter.Read()
            .Where(c => errors.Contains(c.ErrorName))
            .Select(c => ((c.ErrorName, c.AddressFamily, c.Protocol, c.Address, c.Port, c.Endpoint), c.Count));
        Assert.Equal(told.Order(), counted.Order());
        Assert.Contains(counted, c => c.Item1.Address is null);
        Assert.Contains(counted, c => c.Item1.Address is not null);
    }

    [Fact]
    public void CountsAsItRuns()
    {
        Requires.Tracing();
        using BindCounter counter = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        Assert.Empty(counter.Read());
        Assert.Equal(0, Sys.BindOnce("::1", 20980));
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20981, Sys.SockDatagram, "lo"));
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20981, Sys.SockDatagram, "lo"));
        Assert.Equal(
            [(2L, "127.0.0.1", "IPv4", 20981, "UDP", 1), (1L, "::1", "IPv6", 20980, "TCP", 0)],
            counter.Read().Select(c => (c.Count, c.Address, c.AddressFamily, c.Port, c.Protocol, c.InterfaceIndex)));
        counter.Stop();
        Assert.Equal(0, Sys.BindOnce("::1", 20980));
        Assert.Equal([2, 1], counter.Read().Select(c => c.Count));
    }

    [Fact]
    public void MoreThanOneBatchOfKeys()
    {
        Requires.Tracing();
        const int Count = 9000;
        using BindCounter counter = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(10000 + i)));
        }

        Assert.Equal(Enumerable.Range(10000, Count), counter.Read().Select(c => c.Port));
    }

    [Fact]
    public void NoRoomForMore()
    {
        Requires.Tracing();
        const int Capacity = 8;
        const int Count = 100;
        using BindCounter counter = new(new TraceOptions
        {
            CountCapacity = Capacity,
            Filter = new() { ProcessId = [(uint)Environment.ProcessId] },
        });
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(10000 + i)));
        }

        // A hash map may take a few more or less than its size says, but reports each that it did not take.
        TraceStatistics statistics = counter.ReadStatistics();
        Assert.Equal(counter.Read().Sum(c => c.Count), statistics.Emitted);
        Assert.Equal(Count, statistics.Emitted + statistics.Dropped);
        Assert.InRange(statistics.Emitted, 1, 2 * Capacity);
    }

    [Fact]
    public void DisposalLeavesNothing()
    {
        Requires.Tracing();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        BindCounter counter = new(new TraceOptions());
        KernelObjects held = KernelObjects.Held();
        Assert.InRange(held.ProgramCount, 1, 100);
        counter.Dispose();
        Assert.Equal(before, KernelObjects.Descriptors());
        held.AssertGone();
        Assert.Throws<ObjectDisposedException>(() => counter.Read());
        Assert.Throws<ObjectDisposedException>(() => counter.ReadStatistics());
    }

    private static TraceOptions Options(CgroupTree tree) => new() { Filter = new() { Cgroup = [tree.Root] } };
}

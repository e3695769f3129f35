using BindSnoop.Reading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>When losses are reported, and in which words.</summary>
public sealed class LossWatchTests
{
    private readonly SteppedTime _time = new();
    private long _lost;

    private LossWatch Watch() => new(() => new TraceStatistics(100, _lost, 0), _time);

    [Fact]
    public void MoreLossesGiveMoreReportsEverMoreSeldom()
    {
        LossWatch watch = Watch();
        List<double> reported = [];
        for (int tenths = 1; tenths <= 3000; tenths++)
        {
            _time.Step(TimeSpan.FromMilliseconds(100));
            _lost++;
            if (watch.LookNowAndThen() is { } loss)
            {
                Assert.Equal(_lost, loss.Lost);
                reported.Add(tenths / 10.0);
            }
        }

        Assert.Equal([1, 3, 7, 15, 31, 63, 123, 183, 243], reported);
    }

    [Fact]
    public void NothingNewIsNotReportedAgain()
    {
        LossWatch watch = Watch();
        _lost = 5;
        _time.Step(TimeSpan.FromSeconds(1));
        Assert.Equal(5, watch.LookNowAndThen()!.Lost);
        for (int i = 0; i < 100; i++)
        {
            _time.Step(TimeSpan.FromSeconds(1));
            Assert.Null(watch.LookNowAndThen());
        }

        // After that much quiet it is news again.
        _lost = 6;
        _time.Step(TimeSpan.FromSeconds(1));
        Assert.Equal(6, watch.LookNowAndThen()!.Lost);
    }

    /// <summary>A loss after the last look is found when no more comes, and reported when it may be.</summary>
    [Fact]
    public void TheLastLossIsNotForgotten()
    {
        LossWatch watch = Watch();
        Assert.Null(watch.Patience);
        _lost = 9;
        _time.Step(TimeSpan.FromSeconds(1));
        Assert.Equal(9, watch.LookNowAndThen()!.Lost);
        Assert.Null(watch.LookNowAndThen());
        _lost = 60_000;

        Assert.True(watch.Patience < TimeSpan.FromMilliseconds(100));
        _time.Step(watch.Patience!.Value);
        Assert.Null(watch.Look());
        _time.Step(watch.Patience!.Value);
        Assert.Equal(60_000, watch.Look()!.Lost);
        Assert.Null(watch.Patience);
    }

    [Theory]
    [InlineData(1, 0, true, "1 call was lost in all, of 101: it arrived faster than it was read.")]
    [InlineData(2, 0, false, "2 calls were lost so far: they arrived faster than they were read.")]
    [InlineData(5, 4, true, "5 calls were lost in all, of 105: the kernel did not run the program that reports calls.")]
    public void Words(long dropped, long missed, bool isTotal, string message) =>
        Assert.Equal(message, LossReport.OfEvents(new TraceStatistics(100, dropped, 0) { Missed = missed }, isTotal)!.Message);

    [Fact]
    public void NoLossNoWords()
    {
        Assert.Null(LossReport.OfEvents(new TraceStatistics(100, 0, 7), isTotal: true));
        Assert.Null(LossReport.OfCounts(0, 4, 4));
        Assert.Null(LossReport.OfQueue("some", new TraceStatistics(100, 0, 7), 0));
    }

    private sealed class SteppedTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Step(TimeSpan time) => _ticks += time.Ticks;
    }
}

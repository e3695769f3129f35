using BindSnoop.Names;
using Xunit;

namespace BindSnoop.Tests;

public sealed class LookUpCacheTests
{
    private long _now;

    [Fact]
    public void AnswersExpire()
    {
        LookUpCache<int, string> cache = new(10, TimeSpan.FromSeconds(5), now: () => _now);
        Assert.False(cache.TryGet(1, out _));
        Assert.Equal("one", cache.Remember(1, "one"));
        _now = 4999;
        Assert.True(cache.TryGet(1, out string? known));
        Assert.Equal("one", known);
        _now = 5000;
        Assert.False(cache.TryGet(1, out _));
    }

    [Fact]
    public void FailuresExpireSooner()
    {
        LookUpCache<int, string> cache = new(10, Timeout.InfiniteTimeSpan, now: () => _now);
        cache.Remember(1, "one");
        Assert.Null(cache.Remember(2, null));
        _now = 999;
        Assert.True(cache.TryGet(2, out string? known));
        Assert.Null(known);
        _now = 1000;
        Assert.False(cache.TryGet(2, out _));
        _now = long.MaxValue;
        Assert.True(cache.TryGet(1, out known));
        Assert.Equal("one", known);
    }

    [Theory]
    [InlineData(true, "one")]
    [InlineData(false, null)]
    public void AFailureLeavesTheLastAnswerWhereThatIsWanted(bool keepLast, string? expected)
    {
        LookUpCache<int, string> cache = new(10, TimeSpan.FromSeconds(5), keepLast: keepLast, now: () => _now);
        cache.Remember(1, "one");
        _now = 5000;
        Assert.Equal(expected, cache.Remember(1, null));
        Assert.True(cache.TryGet(1, out string? known));
        Assert.Equal(expected, known);
    }

    [Fact]
    public void ItIsBounded()
    {
        LookUpCache<int, string> cache = new(10, Timeout.InfiniteTimeSpan);
        for (int key = 0; key < 1000; key++)
        {
            cache.Remember(key, "");
        }

        Assert.InRange(Enumerable.Range(0, 1000).Count(key => cache.TryGet(key, out _)), 1, 10);
    }
}

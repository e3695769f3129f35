using System.Globalization;
using System.Net;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Cases of the truth program, and what is done in this process, traced with a filter.</summary>
internal sealed class FilterRun<TLine, TEvent>
    where TLine : CallLine
    where TEvent : TraceEvent
{
    /// <param name="asSeen">What the back end would make of a call without the filter, or null.</param>
    public FilterRun(Collector<TEvent> collector, Func<IReadOnlyList<TLine>> make, Func<TLine, Backend, TLine?> asSeen, Action? also = null)
    {
        using (collector)
        {
            TLine[] all = [.. make().Where(l => l.Skipped is null)];
            also?.Invoke();
            HashSet<int> processes = [.. all.Select(l => l.Pid), Environment.ProcessId];
            Backend backend = collector.Tracer.Backend;
            Lines = [.. all.Select(l => asSeen(l, backend)).OfType<TLine>()];
            Events = [.. collector.Finish().Where(e => processes.Contains(e.ProcessId))];
        }
    }

    public IReadOnlyList<TLine> Lines { get; }

    public IReadOnlyList<TEvent> Events { get; }

    /// <summary>Sees that exactly those pass which should, and that the cases do put the filter to the test.</summary>
    public void Check(
        Func<TLine, bool> passes, Func<TLine, string> describeLine, Func<TEvent, string> describeEvent, bool passesSome, bool stopsSome)
    {
        TLine[] expected = [.. Lines.Where(passes)];
        Assert.Equal(expected.Select(describeLine), Events.Select(describeEvent));
        Assert.Equal(passesSome, expected.Length > 0);
        Assert.Equal(stopsSome, expected.Length < Lines.Count);
    }
}

/// <summary>What filters mean, independent of how the kernel's side implements them.</summary>
internal static class Matching
{
    public static bool Port(IReadOnlyList<PortRange> ranges, int? port) =>
        ranges.Any(r => port >= r.First && port <= r.Last);

    public static bool Address(IEnumerable<string> prefixes, params string?[] addresses) =>
        addresses.OfType<string>().Select(IPAddress.Parse)
            .Any(a => prefixes.Any(p => Covers(p, a) || (a.IsIPv4MappedToIPv6 && Covers(p, a.MapToIPv4()))));

    private static bool Covers(string prefix, IPAddress address)
    {
        IPAddress network = IPAddress.Parse(prefix.Split('/')[0]);
        byte[] left = network.GetAddressBytes();
        byte[] right = address.GetAddressBytes();
        int length = prefix.Contains('/', StringComparison.Ordinal) ? int.Parse(prefix.Split('/')[1], CultureInfo.InvariantCulture) : left.Length * 8;
        return left.Length == right.Length &&
            Enumerable.Range(0, length).All(bit => (left[bit / 8] >> (7 - (bit % 8)) & 1) == (right[bit / 8] >> (7 - (bit % 8)) & 1));
    }
}

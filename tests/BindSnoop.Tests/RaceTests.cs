using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// Threads that change what a call is made on while it is under way: no back end reports a success without its
/// socket, and what was made is reported or counted as lost.
/// </summary>
public sealed class RaceTests
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public static IEnumerable<TheoryDataRow<Backend, string>> Decoys() => BackendRows.OfBindsWith(["unix", "udp", "closed"]);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    public static IEnumerable<TheoryDataRow<Backend, string>> ListenDecoys() => BackendRows.With(["unix", "udp", "closed"]);

    public static IEnumerable<TheoryDataRow<Backend, string>> AcceptDecoys() => BackendRows.With(["unix", "connection"]);

    /// <summary>Another thread puts a decoy over the descriptor, and the socket back, all the time.</summary>
    [Theory]
    [MemberData(nameof(Decoys))]
    public void DescriptorOfABind(Backend backend, string decoy)
    {
        Race race = Bind(backend, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, "descriptor", "2000", decoy);
        Assert.True(race.Made.Count > 0);
        AllMade(race, events);
        AllAccountedFor(backend, race.Made.Count, events.Count, statistics);
    }

    /// <summary>The same with certainty: the page of the address is brought by a thread that changes the descriptor first.</summary>
    [Theory]
    [MemberData(nameof(Decoys))]
    public void DescriptorOfABindThatIsHeldUp(Backend backend, string decoy)
    {
        Race race = Bind(backend, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, "hold", "20", decoy);
        Assert.NotEmpty(race.Made);
        AllMade(race, events);
        AllAccountedFor(backend, race.Made.Count, events.Count, statistics);
        if (backend == Backend.Tracepoint)
        {
            Assert.Empty(events);
        }
    }

    /// <summary>
    /// Another thread changes the port in the program's memory all the time. What a success shows as requested is what
    /// the kernel was asked for: the port that it bound, or none.
    /// </summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void AddressOfABind(Backend backend)
    {
        Race race = Bind(backend, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, "address", "2000");
        Assert.Contains(race.Made, m => m[1] == 0);
        Assert.Contains(race.Made, m => m[1] != 0);
        AllMade(race, events);
        AllAccountedFor(backend, race.Made.Count, events.Count, statistics);
        if (statistics.Dropped == 0)
        {
            Assert.Equal(race.Made.Select(m => (m[0], m[1])), events.Select(e => (e.Port, e.RequestedPort)));
        }
    }

    /// <summary>Both at once, of several threads; with failures, a call has more ways to be reported, and still is so once.</summary>
    [Theory]
    [MemberData(nameof(Decoys))]
    public void DescriptorsAndAddressesOfManyThreads(Backend backend, string decoy)
    {
        foreach (bool includeError in new[] { false, true })
        {
            Race race = Bind(
                backend,
                new TraceFilter { IncludeError = includeError },
                out IReadOnlyList<BindEvent> all,
                out TraceStatistics statistics,
                "both",
                "600",
                decoy);
            BindEvent[] events = [.. all.Where(e => e.ErrorCode == 0)];
            Assert.NotEmpty(race.Made);
            AllMade(race, events);
            if (includeError)
            {
                AtLeastAccountedFor(race.Made.Count, events.Length, statistics);
            }
            else
            {
                AllAccountedFor(backend, race.Made.Count, events.Length, statistics);
            }
        }
    }

    /// <summary>
    /// What the kernel chose is left out, and nothing else is, whatever the program's memory says as the call returns.
    /// </summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void RequestedOnlyWhileTheAddressChanges(Backend backend)
    {
        Race race = Bind(
            backend, new TraceFilter { RequestedOnly = true }, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, "address", "2000");
        int[] requested = [.. race.Made.Where(m => m[1] != 0).Select(m => m[0])];
        AllAccountedFor(backend, requested.Length, events.Count, statistics);
        Assert.All(events, e => Assert.Equal(e.Port, e.RequestedPort));
        Assert.All(events, e => Assert.Contains(e.Port, requested));
    }

    /// <summary>Another thread puts a decoy over the new descriptor as soon as it is there.</summary>
    [Theory]
    [MemberData(nameof(AcceptDecoys))]
    public void DescriptorOfAnAccept(Backend backend, string decoy)
    {
        Requires.Tracing(backend);
        using AcceptCollector collector = new(new TraceOptions { Backend = backend });
        Race race = Make("accept", "2000", decoy);
        AcceptEvent[] events = [.. collector.Finish(out TraceStatistics statistics).Where(e => e.ProcessId == race.Pid)];
        Assert.NotEmpty(race.Made);
        Assert.True(race.Swapped > 0 || race.Made.Count < 2000, "nothing was swapped");
        Assert.All(events, e => Assert.Equal(("TCP", "127.0.0.1", ""), (e.Protocol, e.RemoteAddress, e.ErrorName)));

        // Each of a client of its own, and in their order.
        int next = 0;
        foreach (AcceptEvent accepted in events)
        {
            while (next < race.Made.Count && race.Made[next][0] != accepted.RemotePort)
            {
                next++;
            }

            Assert.True(next++ < race.Made.Count, $"{accepted} was not accepted, or not then");
        }

        AllAccountedFor(backend, race.Made.Count, events.Length, statistics);
    }

    /// <summary>
    /// Another thread puts a decoy over the descriptor, and the socket back, all the time. Half of the sockets listen
    /// already; the decoy of a UNIX socket can be listened on, too.
    /// </summary>
    [Theory]
    [MemberData(nameof(ListenDecoys))]
    public void DescriptorOfAListen(Backend backend, string decoy)
    {
        Requires.Tracing(backend);
        using ListenCollector collector = new(new TraceOptions { Backend = backend });
        Race race = Make("listen", "2000", decoy);
        ListenEvent[] events = [.. collector.Finish(out TraceStatistics statistics).Where(e => e.ProcessId == race.Pid)];
        Assert.True(race.Swapped > 0, "nothing was swapped");
        Dictionary<(int, long?), int> made = race.Made.GroupBy(m => (m[0], (long?)m[1])).ToDictionary(g => g.Key, g => g.Count());
        Assert.All(events, e =>
        {
            Assert.Equal(("TCP", "127.0.0.1", "", false), (e.Protocol, e.Address, e.ErrorName, e.Implicit));
            Assert.True(made.TryGetValue((e.Port, e.BacklogLimit), out int left) && left > 0, $"{e} was not made");
            made[(e.Port, e.BacklogLimit)] = left - 1;
        });
        AllAccountedFor(backend, race.Made.Count, events.Length, statistics);
    }

    private static Race Bind(Backend backend, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, params string[] what) =>
        Bind(backend, new TraceFilter(), out events, out statistics, what);

    private static Race Bind(
        Backend backend, TraceFilter filter, out IReadOnlyList<BindEvent> events, out TraceStatistics statistics, params string[] what)
    {
        Requires.Tracing(backend);
        using Collector collector = new(new TraceOptions { Backend = backend, Filter = filter });
        Race race = Make(what);
        events = [.. collector.Finish(out statistics).Where(e => e.ProcessId == race.Pid)];
        return race;
    }

    private static Race Make(params string[] what)
    {
        using Process process = Truth.Start(["race", .. what]);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string line = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(process.ExitCode == 77, errors.Result);
        return process.ExitCode == 0
            ? JsonSerializer.Deserialize<Race>(line, s_options)!
            : throw new InvalidOperationException(errors.Result);
    }

    /// <summary>Every success is of a socket that was bound, with the port that was requested, and of none twice.</summary>
    private static void AllMade(Race race, IReadOnlyList<BindEvent> events)
    {
        Dictionary<(int Port, int Requested), int> made = race.Made.GroupBy(m => (m[0], m[1])).ToDictionary(g => g.Key, g => g.Count());
        Assert.All(events, e =>
        {
            Assert.Equal(("127.0.0.1", ""), (e.Address, e.ErrorName));
            Assert.True(e.Protocol is "TCP" or "UDP", $"{e}");
            (int, int) ports = (e.Port, e.RequestedPort);
            Assert.True(made.TryGetValue(ports, out int left) && left > 0, $"{e} was not made");
            made[ports] = left - 1;
        });
    }

    private static void AllAccountedFor(Backend backend, int made, int reported, TraceStatistics statistics)
    {
        AtLeastAccountedFor(made, reported, statistics);
        if (backend == Backend.Cgroup)
        {
            // It neither looks at descriptors nor at the program's memory.
            Assert.Equal((made, 0), (reported, statistics.Dropped));
        }
        else if (backend != Backend.Tracepoint && !Host.Platform.Preempts)
        {
            Assert.Equal(made, reported + statistics.Dropped);
        }
    }

    private static void AtLeastAccountedFor(int made, int reported, TraceStatistics statistics)
    {
        Assert.InRange(reported, 0, made);
        Assert.True(reported + statistics.Dropped >= made, $"{reported} of {made}; {statistics}");
    }

    private sealed record Race(int Pid, IReadOnlyList<int[]> Made, long Swapped);
}

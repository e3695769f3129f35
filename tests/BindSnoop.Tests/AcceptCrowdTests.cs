using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// Accepts wait, and many do at a time. A kretprobe has room for the returns of few calls: on two processors of
/// an old kernel for two.
/// </summary>
public sealed class AcceptCrowdTests
{
    private const int Threads = 200;

    /// <summary>Every way for a call that reaches a TCP socket to fail, but the one that has got a connection.</summary>
    private static readonly string[] s_failures =
        ["accept-eagain", "accept-timeout", "accept-eintr", "accept-einval", "accept4-einval-flags", "accept-emfile"];

    private static readonly bool[] s_both = [false, true];

    public static IEnumerable<TheoryDataRow<Backend, bool, bool>> Ways() =>
        from row in WithOrWithoutErrors()
        from waitFirst in s_both
        select new TheoryDataRow<Backend, bool, bool>(row.Data.Item1, row.Data.Item2, waitFirst).WithTrait("Backend", row.Data.Item1.ToString());

    public static IEnumerable<TheoryDataRow<Backend, bool, bool>> WaysOfFunctions() => Ways().Where(w => w.Data.Item1 != Backend.Tracepoint);

    public static IEnumerable<TheoryDataRow<Backend, bool>> WithOrWithoutErrors() => BackendRows.With(s_both);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    /// <summary>Also those that waited before the trace began, as idle servers do.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void EveryConnectionIsSeen(Backend backend, bool includeError, bool waitFirst) => SeeEveryConnection(backend, includeError, waitFirst);

    /// <summary>The same where accepts are seen by another function (see <see cref="AcceptMatrixTests"/>).</summary>
    [Theory]
    [MemberData(nameof(WaysOfFunctions))]
    public void EveryConnectionIsSeenWithoutSecurityModules(Backend backend, bool includeError, bool waitFirst)
    {
        Assert.SkipUnless(TracerDefinition.KernelTypes.HasFunction("__inet_accept"), "before 6.5 there is no other function to hook");
        SeeEveryConnection(backend, includeError, waitFirst, "security_sock_graft");
    }

    private static void SeeEveryConnection(Backend backend, bool includeError, bool waitFirst, params string[] missing)
    {
        Requires.Tracing(backend);
        Crowd? crowd = waitFirst ? new(Threads) : null;
        try
        {
            using AcceptCollector collector = Trace(backend, includeError, missing);
            crowd ??= new(Threads);
            crowd.ConnectToAll();
            crowd.ConnectToAll();
            crowd.ConnectToAll();
            AcceptEvent[] events = Of(collector.Finish(out TraceStatistics statistics), crowd.ProcessId);
            AssertSeen(backend, 3 * Threads, events.Length, statistics.Dropped, fromReturns: false);
        }
        finally
        {
            crowd?.Dispose();
        }
    }

    /// <summary>Failures are seen, or counted as lost.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void EveryFailureIsAccountedFor(Backend backend)
    {
        Requires.Tracing(backend);
        TraceFilter filter = new() { IncludeError = true, IncludeWouldBlock = true };
        using AcceptCollector collector = new(new TraceOptions { Backend = backend, Filter = filter });
        using Crowd crowd = new(Threads);
        AcceptLine[] lines = [.. Truth.Accept(s_failures).Select(l => Seen.As(l, backend, filter)).OfType<AcceptLine>()];
        int[] processes = [.. lines.Select(l => l.Pid)];
        AcceptEvent[] events = Of(collector.Finish(out TraceStatistics statistics), processes);
        Assert.NotEmpty(lines);
        AssertSeen(backend, lines.Length, events.Length, statistics.Dropped, fromReturns: true);
        Assert.Subset(
            lines.Select(l => (l.Tid, l.ErrorName!, l.LocalPort ?? 0)).ToHashSet(),
            events.Select(e => (e.ThreadId, e.ErrorName, e.LocalPort)).ToHashSet());
    }

    /// <summary>
    /// Who is killed while waiting leaves nothing behind that would be taken for a call under way, and nobody sees his
    /// call fail.
    /// </summary>
    [Theory]
    [MemberData(nameof(WithOrWithoutErrors))]
    public void Killed(Backend backend, bool includeError)
    {
        const int Processes = 100;
        const int ThreadsOfEach = 20;

        Requires.Tracing(backend);
        using AcceptCollector collector = Trace(backend, includeError);
        List<int> processes = [];
        for (int i = 0; i < Processes; i++)
        {
            using Crowd crowd = new(ThreadsOfEach);
            processes.Add(crowd.ProcessId);
            crowd.Kill();
        }

        int[] left = [.. collector.Tracer.ThreadsUnderWay().Where(thread => !Directory.Exists($"/proc/{thread}"))];
        AcceptEvent[] events = Of(collector.Finish(out TraceStatistics statistics), [.. processes]);
        Assert.Empty(events);
        Assert.InRange(left.Length, 0, MayLeaveOut(backend) ? statistics.Dropped : 0);
    }

    /// <summary>Sees that all have been seen, or at least counted as lost where the back end cannot do better.</summary>
    /// <param name="fromReturns">Whether they are seen by the returns of calls, of which a kretprobe misses some.</param>
    private static void AssertSeen(Backend backend, int made, int seen, long dropped, bool fromReturns)
    {
        if (MayLeaveOut(backend))
        {
            // It counts every program that was not run, even for a call that another program reported.
            Assert.InRange(made - seen, 0, fromReturns || backend == Backend.Tracepoint ? dropped : 0);
            return;
        }

        Assert.Equal(made, seen + dropped);
        Assert.Equal(0, fromReturns && backend == Backend.Kprobe ? 0 : dropped);
    }

    /// <summary>
    /// Whether the kernel may interrupt a program in favour of other threads, and then leaves out those of the same
    /// calls of theirs: trampolines, and since 7.2 tracepoints of system calls.
    /// </summary>
    internal static bool MayLeaveOut(Backend backend) => backend switch
    {
        Backend.Fentry => Host.Platform.Preempts,
        Backend.Tracepoint => Environment.OSVersion.Version >= new Version(7, 2),
        _ => false,
    };

    private static AcceptCollector Trace(Backend backend, bool includeError, params string[] missing) =>
        new(new TraceOptions { Backend = backend, Filter = new() { IncludeError = includeError } }, missing);

    private static AcceptEvent[] Of(IReadOnlyList<AcceptEvent> events, params int[] processes) =>
        [.. events.Where(e => processes.Contains(e.ProcessId))];
}

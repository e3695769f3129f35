using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Cases of the truth program by back ends. The cases are run once for each back end.</summary>
internal abstract class Matrix<TLine, TEvent>(TraceFilter filter, CaseList cases)
    where TLine : CallLine
    where TEvent : TraceEvent
{
    private readonly ConcurrentDictionary<Backend, BackendRun<TLine, TEvent>> _runs = new();

    protected TraceFilter Filter => filter;

    /// <summary>Every call of the case that the back end sees has its one event, and every field of it is right.</summary>
    public void Case(Backend backend, string name)
    {
        BackendRun<TLine, TEvent> run = RunOf(backend);
        TLine[] lines = [.. run.Lines.Where(l => l.Case == name)];
        Assert.NotEmpty(lines);

        string[] skipped = [.. lines.Select(l => l.Skipped).OfType<string>()];
        Assert.DoesNotContain(skipped, reason => reason.StartsWith("broken:", StringComparison.Ordinal));

        lines = [.. lines.Where(l => l.Skipped is null)];
        HashSet<int> processes = [.. lines.Select(l => l.Pid)];
        TLine[] expected = [.. lines.Select(l => AsSeen(l, backend)).OfType<TLine>()];
        TEvent[] actual = [.. run.Events.Where(e => processes.Contains(e.ProcessId))];

        List<string> faults = [];
        for (int i = 0; i < Math.Max(expected.Length, actual.Length); i++)
        {
            if (i >= actual.Length)
            {
                faults.Add($"no event for {expected[i]}");
            }
            else if (i >= expected.Length)
            {
                faults.Add($"one event too many: {actual[i]}");
            }
            else
            {
                Comparison comparison = new(expected[i], faults);
                run.Compare(expected[i], actual[i], comparison);
                Compare(expected[i], actual[i], comparison);
            }
        }

        for (int i = 1; i < actual.Length; i++)
        {
            int before = Array.FindLastIndex(actual, i - 1, e => e.ThreadId == actual[i].ThreadId);
            if (before >= 0 && actual[before].KernelTime >= actual[i].KernelTime)
            {
                faults.Add($"thread {actual[i].ThreadId} goes back in time from {actual[before].KernelTime} to {actual[i].KernelTime}");
            }
        }

        if (faults.Count > 0)
        {
            Assert.Fail(string.Join(Environment.NewLine, faults));
        }

        Assert.SkipWhen(skipped.Length > 0, string.Join("; ", skipped));
    }

    /// <summary>Nothing else comes from the truth program or a child of its: its set-up makes no such calls.</summary>
    public void NothingElseIsSeen(Backend backend)
    {
        BackendRun<TLine, TEvent> run = RunOf(backend);
        HashSet<int> processes = [.. run.Lines.Select(l => l.Pid)];
        HashSet<int> parents = [.. run.Lines.Select(l => l.Ppid)];
        Assert.DoesNotContain(run.Events, e => !processes.Contains(e.ProcessId) &&
            (parents.Contains(e.ProcessId) || parents.Contains(e.ParentProcessId) || processes.Contains(e.ParentProcessId)));
    }

    public void NothingIsLost(Backend backend)
    {
        BackendRun<TLine, TEvent> run = RunOf(backend);
        Assert.Equal(new TraceStatistics(run.Events.Count, 0, run.Statistics.Filtered), run.Statistics);
    }

    protected abstract Collector<TEvent> Trace(TraceOptions options);

    protected abstract IReadOnlyList<TLine> MakeCalls();

    /// <summary>What a back end makes of a call; null if it is not to be shown.</summary>
    protected abstract TLine? AsSeen(TLine line, Backend backend);

    /// <summary>Compares what is particular to such events.</summary>
    protected abstract void Compare(TLine line, TEvent actual, Comparison comparison);

    /// <summary>Whether a back end has to refuse these traces here (docs/limits.md), even one that works for binds.</summary>
    protected virtual bool IsDocumented(Backend backend, TraceException refusal) => false;

    protected static string? WithScope(string? address, uint scope) =>
        address is not null && scope != 0 && IPAddress.Parse(address).IsIPv6LinkLocal ? $"{address}%{scope}" : address;

    /// <summary>Looked up after the call, when the process may be gone for good.</summary>
    protected static bool IsInterfaceName(TLine line, string name) => name == (line.Ifname ?? "") || name.Length == 0;

    // The constants IPPROTO_* of linux/in.h and linux/in6.h.
    protected static string ProtocolName(int number) => number switch
    {
        0 => "",
        1 => "ICMP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        58 => "ICMPV6",
        132 => "SCTP",
        136 => "UDPLITE",
        255 => "RAW",
        262 => "MPTCP",
        _ => number.ToString(CultureInfo.InvariantCulture),
    };

    protected static BindOptions OptionsOf(string letters)
    {
        BindOptions options = BindOptions.None;
        options |= letters[0] == 'F' ? BindOptions.FreeBind : 0;
        options |= letters[1] == 'T' ? BindOptions.Transparent : 0;
        options |= letters[2] == 'N' ? BindOptions.BindAddressNoPort : 0;
        options |= letters[3] == 'R' ? BindOptions.ReuseAddress : 0;
        options |= letters[4] == 'r' ? BindOptions.ReusePort : 0;
        return options;
    }

    /// <summary>The run under a back end; skips the test where it cannot be used.</summary>
    private BackendRun<TLine, TEvent> RunOf(Backend backend)
    {
        BackendRun<TLine, TEvent> run = _runs.GetOrAdd(backend, b =>
        {
            // Made once before: a trace sees only those modules' calls that are loaded when it begins (docs/limits.md).
            _ = cases.WhatIsMissing;
            return new(new TraceOptions { Backend = b, Filter = filter }, Trace, MakeCalls);
        });
        if (run.Refusal is { } refusal)
        {
            Assert.SkipWhen(IsDocumented(backend, refusal), refusal.Message);
            Requires.Skip(backend, refusal);
        }

        return run;
    }
}

/// <summary>
/// The rows of theories over the back ends. One that cannot be used here has a single row, which says why not; so have
/// the cases that all lack the same here.
/// </summary>
internal static class BackendRows
{
    // Accepts are seen by these.
    private static readonly Backend[] s_backends = [Backend.Fentry, Backend.Kprobe, Backend.Tracepoint];

    private static readonly Backend[] s_bindBackends = [.. s_backends, Backend.Cgroup];

    public static IEnumerable<TheoryDataRow<Backend>> All() => Rows(s_backends);

    public static IEnumerable<TheoryDataRow<Backend>> OfBinds() => Rows(s_bindBackends);

    public static IEnumerable<TheoryDataRow<Backend, T>> With<T>(IEnumerable<T> values) => Rows(s_backends, values);

    public static IEnumerable<TheoryDataRow<Backend, T>> OfBindsWith<T>(IEnumerable<T> values) => Rows(s_bindBackends, values);

    public static IEnumerable<TheoryDataRow<Backend, string>> With(CaseList cases) => Rows(s_backends, cases);

    public static IEnumerable<TheoryDataRow<Backend, string>> OfBindsWith(CaseList cases) => Rows(s_bindBackends, cases);

    /// <summary>The same without a back end.</summary>
    public static IEnumerable<TheoryDataRow<string>> Of(CaseList cases) =>
        Grouped(cases).Select(c => new TheoryDataRow<string>(c.Name) { Skip = c.WhyNot });

    private static IEnumerable<TheoryDataRow<Backend>> Rows(IEnumerable<Backend> backends) =>
        backends.Select(backend => new TheoryDataRow<Backend>(backend) { Skip = Requires.WhyNot(backend) }.WithTrait("Backend", backend.ToString()));

    private static IEnumerable<TheoryDataRow<Backend, T>> Rows<T>(IEnumerable<Backend> backends, IEnumerable<T> values) =>
        Rows(backends, values.Select(v => (v, (string?)null)));

    private static IEnumerable<TheoryDataRow<Backend, string>> Rows(IEnumerable<Backend> backends, CaseList cases) =>
        Rows(backends, Grouped(cases));

    private static IEnumerable<TheoryDataRow<Backend, T>> Rows<T>(IEnumerable<Backend> backends, IEnumerable<(T Value, string? WhyNot)> values) =>
        from backend in backends
        let whyNot = Requires.WhyNot(backend)
        from value in whyNot is null ? values : values.Take(1)
        select new TheoryDataRow<Backend, T>(backend, value.Value) { Skip = whyNot ?? value.WhyNot }.WithTrait("Backend", backend.ToString());

    private static IEnumerable<(string Name, string? WhyNot)> Grouped(CaseList cases)
    {
        HashSet<string> missing = [.. cases.WhatIsMissing.SelectMany(g => g)];
        return cases.Names.Where(c => !missing.Contains(c)).Select(c => (c, (string?)null)).Concat(cases.WhatIsMissing.Select(g =>
            (g.First(), (string?)(g.Count() == 1 ? g.Key : string.Create(CultureInfo.InvariantCulture, $"{g.Key} (so {g.Count()} cases)")))));
    }
}

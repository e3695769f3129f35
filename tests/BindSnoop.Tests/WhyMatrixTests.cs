using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Why binds fail and who is in the way, against a program that makes each of the situations.</summary>
public sealed class WhyMatrixTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly ConcurrentDictionary<Backend, Run> s_runs = new();

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() => BackendRows.OfBindsWith(Truth.WhyCases);

    public static IEnumerable<TheoryDataRow<string>> Names() => BackendRows.Of(Truth.WhyCases);

    /// <summary>The failed call itself is explained, and a call that succeeds is not.</summary>
    [Theory]
    [MemberData(nameof(Rows))]
    public void AFailureIsExplained(Backend backend, string name)
    {
        Run run = RunOf(backend);
        Check(run.Of(name), outcome => outcome.Explained);
        if (name == "holder-gone" && run.Of(name).All(o => o.Line.Skipped is null))
        {
            Assert.Contains(run.Of(name), o => o.Explained?.Cause == "HolderGone");
        }
    }

    /// <summary>The same is known from the sockets alone, without a call.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void APortIsTested(string name)
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can make a network namespace.");
        Check(RunOf(Backend.Auto).Of(name), outcome => outcome.Asked);
    }

    /// <summary>Both together look at enough.</summary>
    [Fact]
    public void ThereAreSixty() => Assert.True(Truth.WhyCases.Names.Count >= 60);

    private static void Check(IReadOnlyList<Outcome> outcomes, Func<Outcome, Verdict?> verdictOf)
    {
        Assert.NotEmpty(outcomes);
        List<string> faults = [];
        foreach (Outcome outcome in outcomes.Where(o => o.Line.Skipped is null))
        {
            WhyLine line = outcome.Line;
            if (line.Error != line.Expected)
            {
                faults.Add($"{line}: the kernel was to say {line.Expected}");
            }
            else if (verdictOf(outcome) is { } actual)
            {
                Verdict expected = line.Fleeting && actual.Cause == "Bound" ? Verdict.Of(line) with { Cause = "Bound" }
                    : line.Fleeting ? Verdict.Of(line) with { Holders = "" }
                    : Verdict.Of(line);
                if (actual with { Text = "" } != expected)
                {
                    faults.Add($"{line}: expected {expected}, was {actual}");
                }
            }
        }

        if (faults.Count > 0)
        {
            Assert.Fail(string.Join(Environment.NewLine, faults));
        }

        string[] skipped = [.. outcomes.Select(o => o.Line.Skipped).OfType<string>()];
        Assert.DoesNotContain(skipped, reason => reason.StartsWith("broken:", StringComparison.Ordinal));
        Assert.SkipWhen(skipped.Length > 0, string.Join("; ", skipped));
    }

    private static Run RunOf(Backend backend)
    {
        Run run = s_runs.GetOrAdd(backend, b => new Run(b));
        if (run.Refusal is { } refusal)
        {
            Requires.Skip(backend, refusal);
        }

        return run;
    }

    /// <summary>A cause, its holders in words that can be compared, and the error.</summary>
    private sealed record Verdict(int Error, string Cause, string Holders, string Text)
    {
        public static Verdict Of(WhyLine line) =>
            new(line.Error, line.Cause, Join(line.Holders.Select(h => Describe(h.HeldBy, h.Pids, h.Inode))), "");

        public static Verdict Of(int error, string? cause, string? explanation, IReadOnlyList<BindSocket>? holders) =>
            new(error, cause ?? "", Join((holders ?? []).Select(Describe)), explanation ?? "");

        // The program does not know what nobody has a descriptor of.
        private static string Describe(BindSocket holder) =>
            Describe(holder.HeldBy, holder.Owners.Select(o => o.ProcessId), holder.HeldBy is "Process" or "InFlight" ? holder.Inode : null);

        private static string Describe(string heldBy, IEnumerable<int> pids, long? inode) =>
            string.Create(CultureInfo.InvariantCulture, $"{heldBy} {inode} by {string.Join('+', pids.Distinct().Order())}");

        private static string Join(IEnumerable<string> holders) => string.Join(", ", holders.Order(StringComparer.Ordinal));
    }

    /// <summary>A line, and what was said of it while it was true; null if it was not to be asked.</summary>
    private sealed record Outcome(WhyLine Line, Verdict? Explained, Verdict? Asked);

    /// <summary>All cases, one after the other, under a trace of a back end; <see cref="Backend.Auto"/> is for tests of ports, without one.</summary>
    private sealed class Run
    {
        private readonly List<Outcome> _outcomes = [];

        public Run(Backend backend)
        {
            try
            {
                using Collector? collector = backend == Backend.Auto ? null : new(new() { Backend = backend, Explain = true });
                Make(collector);
            }
            catch (TraceException exception) when (Requires.IsRefusal(exception))
            {
                Refusal = exception;
            }
        }

        public TraceException? Refusal { get; }

        public IReadOnlyList<Outcome> Of(string name) => [.. _outcomes.Where(o => o.Line.Case == name)];

        private void Make(Collector? collector)
        {
            using Process process = Truth.Start("why");
            List<WhyLine> lines = [];
            while (process.StandardOutput.ReadLine() is { } text)
            {
                WhyLine line = WhyLine.Parse(text);
                if (line.Ready is null)
                {
                    lines.Add(line);
                    continue;
                }

                _outcomes.AddRange(lines.Select(l => new Outcome(l, Explain(l, collector), Ask(l, collector))));
                lines.Clear();
                process.StandardInput.WriteLine();
            }

            process.WaitForExit();
        }

        private static Verdict? Explain(WhyLine line, Collector? collector)
        {
            if (collector is null || line.Skipped is not null || !line.Traced)
            {
                return null;
            }

            bool IsOf(BindEvent e) => e.ProcessId == line.Pid && e.ErrorCode == line.Error && e.Inode == line.Inode;
            return collector.WaitFor(IsOf, s_patience) && collector.Events.First(IsOf) is { } found
                ? Verdict.Of(found.ErrorCode, found.Cause, found.Explanation, found.Holders)
                : new Verdict(0, "there was no event", "", "");
        }

        private static Verdict? Ask(WhyLine line, Collector? collector)
        {
            if (collector is not null || line.Skipped is not null || !line.Asked)
            {
                return null;
            }

            BindPortTest test = BindPortTest.Run(new()
            {
                Port = line.Port,
                Address = IPAddress.Parse(line.Address),
                Protocol = line.Protocol,
                IPv6Only = line.V6only,
                ReuseAddress = line.ReuseAddress,
                ReusePort = line.ReusePort,
                InterfaceIndex = line.Ifindex,
                ProcessId = (uint)line.Pid,
                Uid = line.Uid,
                NetworkNamespace = line.Netns,
            });
            return Verdict.Of(test.ErrorCode, test.Cause, test.Explanation, test.Holders);
        }
    }
}

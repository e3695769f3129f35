using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Proving;
using BindSnoop.Reading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>A trace sees for itself that it works, and shows nothing of how.</summary>
public sealed class ProofTests
{
    private static readonly Backend[] s_backends = [Backend.Fentry, Backend.Kprobe, Backend.Tracepoint, Backend.Cgroup];
    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    private static readonly string[] s_kinds = ["bind", "listen", "accept", "release"];

    private static readonly (string Name, string Reason)[] s_mistakes =
    [
        ("bind-result", "ErrorCode"), ("bind-hook", "was not reported"), ("bind-option", "Options"), ("bind-sample", "Port"), ("bind-size", "bytes"),
        ("accept-hook", "was not reported"), ("accept-sample", "LocalPort"), ("listen-hook", "was not reported"), ("listen-sample", "Port"),
        ("release-hook", "was not reported"), ("release-sample", "Port"),
    ];

    public static IEnumerable<TheoryDataRow<Backend>> Backends() =>
        from backend in s_backends
        select new TheoryDataRow<Backend>(backend) { Traits = { ["Backend"] = [backend.ToString()] } };

    public static IEnumerable<TheoryDataRow<Backend, string>> Kinds() =>
        from backend in s_backends
        from kind in KindsOf(backend)
        select new TheoryDataRow<Backend, string>(backend, kind) { Traits = { ["Backend"] = [backend.ToString()] } };

    /// <summary>With failures, and without; events and counts.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void AWorkingBackendIsProven(Backend backend, string kind)
    {
        Requires.Tracing(backend);
        AtOnce([(false, false), (false, true), (true, false), (true, true)], ((bool IncludeError, bool Counts) how) =>
        {
            TraceOptions options = Small(backend) with { Filter = new TraceFilter { IncludeError = how.IncludeError } };
            if (!how.Counts)
            {
                using EventSession session = Open(DefinitionOf(kind), options, out _);
                IsProven(session, how.IncludeError && (kind != "release" || backend != Backend.Tracepoint) ? 4 : 2);
            }
            else if (kind is "bind" or "listen")
            {
                foreach (CountGroup[] groups in new CountGroup[][] { [], [CountGroup.Container, CountGroup.Comm, CountGroup.User] })
                {
                    using CountSession counts = CountSession.Open(DefinitionOf(kind), options with { GroupBy = groups }, s => Prover.Prove(s, options.Filter), out _);
                    IsProven(counts, 2);
                    Assert.DoesNotContain(counts.ReadCounts(), c => c.Key.Call.Address[1] is 84 or 91);
                    Assert.Equal(groups.Length > 0, counts.Proof.Compared.Any(f => f is { Field: "Comm", Seen.Length: > 0 }));
                }
            }
        });
    }

    /// <summary>Whatever is filtered: the calls get through, and what the filter is to say of them is compared as well.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void FiltersDoNotHideTheProof(Backend backend, string kind)
    {
        Requires.Tracing(backend);
        uint pid = (uint)Environment.ProcessId;
        TraceFilter[] filters =
        [
            new() { ProcessId = [1] }, new() { ProcessId = [pid] }, new() { ProcessId = [1, 2, pid] }, new() { Uid = [4242] }, new() { Gid = [4242, 4243] },
            new() { Port = [PortRange.Parse("80")] }, new() { Port = [PortRange.Parse("1024-65535")] }, new() { Comm = ["no such name"] },
            new() { Address = [AddressPrefix.Parse("127.0.0.0/8")] }, new() { Address = [AddressPrefix.Parse("192.0.2.0/24")] },
            new() { AddressFamily = [IPFamily.IPv6] }, new() { Protocol = [17] }, new() { Protocol = [6], Port = [PortRange.Parse("1")], IncludeError = true },
        ];
        AtOnce(filters, filter =>
        {
            using EventSession session = Open(DefinitionOf(kind), Small(backend) with { Filter = filter }, out _);
            IsProven(session, 2);
            Assert.Contains(session.Proof.Compared, c => c.Field == "Filter");
        });
    }

    /// <summary>Neither the traces that are proven nor any other of this process show or count anything of it.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingOfItIsSeen(Backend backend)
    {
        Requires.Tracing(backend);
        TraceOptions options = Small(backend) with { Filter = new TraceFilter { ProcessId = [(uint)Environment.ProcessId], IncludeError = true } };
        using BindTracer binds = new(options);
        using BindCounter counter = new(options);
        using ReleaseTracer releases = new(options);
        using ListenTracer? listens = backend == Backend.Cgroup ? null : new(options);
        using AcceptTracer? accepts = backend == Backend.Cgroup ? null : new(options);
        AtOnce([.. KindsOf(backend), .. KindsOf(backend)], kind =>
        {
            using EventSession session = Open(DefinitionOf(kind), options, out _);
            IsProven(session, 2);
        });
        TraceStatistics?[] all =
            [binds.ReadStatistics(), counter.ReadStatistics(), releases.ReadStatistics(), listens?.ReadStatistics(), accepts?.ReadStatistics()];
        Assert.All(all.OfType<TraceStatistics>(), s => Assert.Equal(0, s.Emitted));
        Assert.Empty(counter.Read());
        binds.Stop();
        Assert.Empty(binds.Read());
    }

    /// <summary>Not even its loopback interface is up.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void WithoutANetwork(Backend backend, string kind)
    {
        Requires.Tracing(backend);
        TraceProof proof = ProofOfThread(backend, kind, () => Assert.Equal(0, Interop.Libc.syscall5(s_isArm ? 97 : 272, Interop.Libc.CLONE_NEWNET, 0, 0, 0, 0)));
        if (kind == "accept")
        {
            Assert.Null(proof.Proven);
            Assert.Contains("accept()", proof.Reason, StringComparison.Ordinal);
        }
        else
        {
            Assert.True(proof.Proven, proof.ToString());
            Assert.Empty(proof.Reason);
        }
    }

    /// <summary>The trace begins all the same, and says why it is not proven.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void WhereBindIsForbidden(Backend backend, string kind)
    {
        Requires.Tracing(backend);
        TraceProof proof = ProofOfThread(backend, kind, ForbidBind);
        Assert.Null(proof.Proven);
        Assert.Empty(proof.Compared);
        Assert.Contains("EPERM", proof.Reason, StringComparison.Ordinal);
        Assert.StartsWith("Not proven: ", proof.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Each mistake, in each back end: that one is not taken, and the reason says what was wrong.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void AMistakeIsNoticed(Backend backend)
    {
        Requires.Tracing(backend);
        AtOnce(s_mistakes.Where(m => KindsOf(backend).Contains(m.Name.Split('-')[0])), mistake =>
        {
            TraceException refusal = Assert.Throws<TraceException>(() => Open(Broken(mistake.Name), Small(backend), out _).Dispose());
            Assert.True(refusal.ErrorId == "NotProven", $"{refusal.ErrorId}: {refusal.Message} {refusal.InnerException?.Message}");
            Assert.StartsWith($"The {backend} back end is attached, but does not work on this kernel: ", refusal.Message, StringComparison.Ordinal);
            Assert.Contains(mistake.Reason, refusal.Message, StringComparison.Ordinal);
        });
    }

    /// <summary>The next one is taken, and why not the first is said.</summary>
    [Fact]
    public void ABackendThatDoesNotWorkIsSkipped()
    {
        Requires.Tracing();
        TraceOptions options = new();
        TracerDefinition broken = Broken("bind-result");
        Backend first;
        using (EventSession working = Open(TracerDefinition.Bind, options, out _))
        {
            first = working.Backend;
        }

        if (s_backends.Count(Requires.Works) < 2)
        {
            Assert.Skip("There is no second back end here.");
        }

        bool wasBroken = false;
        using EventSession session = EventSession.Open(
            TracerDefinition.Bind,
            options,
            s =>
            {
                bool isFirst = s.Backend == first;
                wasBroken |= isFirst;
                return isFirst ? new TraceProof(false, "It is only said to be wrong.", []) : Prover.Prove(s, options.Filter);
            },
            out IReadOnlyList<BackendRefusal> refusals);
        Assert.True(wasBroken);
        Assert.NotEqual(first, session.Backend);
        BackendRefusal refusal = Assert.Single(refusals, r => r.Backend == first);
        Assert.Contains("does not work on this kernel: It is only said to be wrong.", refusal.Error.Message, StringComparison.Ordinal);

        TraceException none = Assert.Throws<TraceException>(() => Open(broken, options, out _).Dispose());
        Assert.Equal("NoBackend", none.ErrorId);
        Assert.Contains(nameof(TraceEvent.ErrorCode), none.Message, StringComparison.Ordinal);
    }

    /// <summary>While others bind; the reader continues as if nothing had happened.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void ARunningTraceProvesItselfAgain(Backend backend)
    {
        Requires.Tracing(backend);
        TraceOptions options = new() { Backend = backend, Filter = new TraceFilter { ProcessId = [(uint)Environment.ProcessId] } };
        using BindCounter counter = new(options);
        using BindTracer unread = new(options);
        using Collector collector = new(options);
        const int Binds = 200;
        Thread binder = new(() =>
        {
            for (int i = 0; i < Binds; i++)
            {
                Assert.Equal(0, Sys.BindOnce("127.0.0.1", 0));
            }
        });
        binder.Start();
        for (int i = 0; i < 10; i++)
        {
            foreach (TraceProof? proof in new[] { counter.ProveAgain(), unread.ProveAgain(), collector.Tracer.ProveAgain() })
            {
                Assert.True(proof?.Proven, $"{proof}");
            }
        }

        binder.Join();
        int found = collector.Finish(out TraceStatistics statistics).Count;
        Assert.Equal((Binds, found), (found + statistics.Dropped, statistics.Emitted));
        counter.Stop();
        Assert.Equal(Binds, counter.Read().Sum(c => c.Count) + counter.ReadStatistics().Dropped);
        unread.Stop();
        Assert.Equal(Binds, unread.Read().Count() + unread.ReadStatistics().Dropped);

        // The binds and the proofs run on threads of their own: "More threads than processors" in docs/reliability.md.
        Assert.True(statistics.Dropped == 0 || AcceptCrowdTests.MayLeaveOut(backend));
        Assert.Null(collector.Tracer.ProveAgain());
        Assert.Null(unread.ProveAgain());
        Assert.Null(counter.ProveAgain());
        unread.Dispose();
        Assert.Null(unread.ProveAgain());
    }

    /// <summary>As if something had changed since it began.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void ARunningTraceThatDoesNotSeeSaysSo(Backend backend)
    {
        Requires.Tracing(backend);
        TraceOptions options = Small(backend);
        using EventSession session = EventSession.Open(Broken("bind-result"), options, _ => new TraceProof(true, "", []), out _);
        TraceProof? proof = session.ProveAgain(s => Prover.Prove(s, options.Filter));
        Assert.False(proof?.Proven);
        Assert.Contains("ErrorCode", session.Proof.Reason, StringComparison.Ordinal);

        TraceMetrics metrics = new("some", () => new TraceStatistics(0, 0, 0));
        metrics.Count(proof);
        MetricSet set = new();
        metrics.WriteTo(set, null);
        Assert.Contains("bindsnoop_proofs_total{bindsnoop_trace=\"some\",result=\"failure\"} 1\n", PrometheusText.Write(set), StringComparison.Ordinal);
    }

    [Fact]
    public void AFailureIsReportedUntilNobodyWatches()
    {
        int asked = 0;
        int failures = 0;
        using (new ProofWatch(Prove, _ => Interlocked.Increment(ref failures), TimeSpan.FromMilliseconds(5)))
        {
            Assert.True(SpinWait.SpinUntil(() => asked > 6, TimeSpan.FromSeconds(30)));
        }

        Thread.Sleep(50);
        int last = asked;
        Thread.Sleep(50);
        Assert.Equal((last, last / 3), (asked, failures));

        // By turns it has ended, has failed and works.
        TraceProof? Prove() => (Interlocked.Increment(ref asked) % 3) switch
        {
            0 => new(false, "", []),
            1 => null,
            _ => new(true, "", []),
        };
    }

    private static EventSession Open(TracerDefinition definition, TraceOptions options, out IReadOnlyList<BackendRefusal> refusals) =>
        EventSession.Open(definition, options, session => Prover.Prove(session, options.Filter), out refusals);

    private static TraceOptions Small(Backend backend) => new() { Backend = backend, BufferSize = Environment.SystemPageSize };

    private static IEnumerable<string> KindsOf(Backend backend) => s_kinds.Where(k => backend != Backend.Cgroup || DefinitionOf(k).Cgroup is not null);

    /// <summary>Does it to each on a thread of its own: most of the time goes by with waiting for the kernel to take programs away.</summary>
    private static void AtOnce<T>(IEnumerable<T> items, Action<T> action)
    {
        ConcurrentQueue<string> failures = [];
        List<Thread> threads = [];
        foreach (T item in items)
        {
            threads.Add(new Thread(() =>
            {
                try
                {
                    action(item);
                }
                catch (Exception exception)
                {
                    failures.Enqueue($"{item}: {exception}");
                }
            }));
            threads[^1].Start();
        }

        threads.ForEach(t => t.Join());
        Assert.NotEmpty(threads);
        Assert.Empty(failures);
    }

    private static void IsProven(TraceSession session, int calls)
    {
        Assert.True(session.Proof.Proven, session.Proof.ToString());
        Assert.All(session.Proof.Compared, c => Assert.True(c.IsSame, c.ToString()));
        Assert.InRange(session.Proof.Calls, calls, 10);
    }

    /// <summary>The result of a trace that starts on a thread after something was done to the thread.</summary>
    private static TraceProof ProofOfThread(Backend backend, string kind, Action prepare)
    {
        TraceProof? proof = null;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                prepare();
                using EventSession session = Open(DefinitionOf(kind), new TraceOptions { Backend = backend }, out _);
                proof = session.Proof;
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
        return proof!;
    }

    /// <summary>Has the kernel refuse bind() to this thread (seccomp(2)).</summary>
    private static unsafe void ForbidBind()
    {
        const int SetNoNewPrivileges = 38;
        const nint SetModeFilter = 1;
        const uint Allow = 0x7fff0000;
        const uint FailWithEperm = 0x00050001;
        uint bind = s_isArm ? 200u : 49u;

        // struct sock_filter: code, jumps, operand. Load the number; if it is that of bind(), refuse.
        ulong* filter = stackalloc ulong[] { 0x20, 0x15 | 1ul << 24 | (ulong)bind << 32, 6 | (ulong)FailWithEperm << 32, 6 | (ulong)Allow << 32 };
        nint* program = stackalloc nint[] { 4, (nint)filter };
        Assert.Equal(0, Interop.Libc.syscall5(s_isArm ? 167 : 157, SetNoNewPrivileges, 1, 0, 0, 0));
        Assert.Equal(0, Interop.Libc.syscall5(s_isArm ? 277 : 317, SetModeFilter, 0, (nint)program, 0, 0));
    }

    private static TracerDefinition DefinitionOf(string kind) => TracerDefinition.All.Single(d => d.ObjectName == kind);

    private static TracerDefinition Broken(string mistake)
    {
        TracerDefinition definition = DefinitionOf(mistake.Split('-')[0]);
        TracerDefinition broken = definition with
        {
            Image = _ => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "broken", $"{mistake}.o")),
        };
        return mistake switch
        {
            "bind-hook" => broken with { Functions = [new("mptcp_bind")], SystemCalls = ["connect"] },
            "release-hook" => definition with
            {
                Functions = [new("tcp_abort")], OwnTracepoints = [], Cgroup = definition.Cgroup! with { Returns = ["cgroup_post_bind4", "cgroup_post_bind6"] },
            },
            "listen-hook" => broken with { Functions = [new("sock_no_listen")], SystemCalls = ["shutdown"] },

            // The proof has accept4() called.
            "accept-hook" => definition with { Functions = [new("put_unused_fd")], SystemCalls = ["accept"] },
            _ => broken,
        };
    }
}

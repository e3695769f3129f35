using System.Diagnostics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>How traces begin and end, and that they leave nothing behind.</summary>
public sealed class LifeCycleTests
{
    private static readonly TraceOptions s_ownCalls = new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };

    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(5);

    // ---- nothing is left

    [Fact]
    public void DisposalLeavesNothing() => LeavesNothing(_ => { });

    [Fact]
    public void TheEndOfTheDurationLeavesNothing() => LeavesNothing(tracer => Assert.Empty(tracer.Read(TimeSpan.Zero)));

    [Fact]
    public void BreakingOffLeavesNothing() =>
        LeavesNothing(tracer =>
        {
            Bind(20960);
            foreach (BindEvent _ in tracer.Read())
            {
                break;
            }
        });

    [Fact]
    public void CancellationLeavesNothing() =>
        LeavesNothing(tracer =>
        {
            using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(50));
            Assert.Empty(tracer.Read(s_soon, cancellation.Token));
        });

    [Fact]
    public void AnExceptionOfTheReaderLeavesNothing() =>
        LeavesNothing(tracer =>
        {
            Bind(20961);
            Assert.Throws<NotFiniteNumberException>(() =>
            {
                foreach (BindEvent _ in tracer.Read())
                {
                    throw new NotFiniteNumberException();
                }
            });
        });

    /// <summary>These fail when the programs are loaded already.</summary>
    [Theory]
    [InlineData("cgroup")]
    [InlineData("comm")]
    public void ATraceThatCannotBeginLeavesNothing(string fault)
    {
        Requires.Tracing();
        TraceFilter filter = fault == "cgroup" ? new() { Cgroup = ["/no such cgroup"] } : new() { Comm = ["much-too-long-a-name"] };
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = filter }).Dispose());
        Assert.Equal(before, KernelObjects.Descriptors());
    }

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    /// <summary>Whatever it was about: loading, attaching, reading, or taking away, while others bind.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void KilledAtAnyMomentNothingStays(Backend backend)
    {
        Requires.Tracing(backend);
        using Process load = Truth.Start("load", "--seconds", "600");
        try
        {
            IReadOnlySet<uint> before = KernelObjects.Programs();
            for (int i = 0; i < 3; i++)
            {
                string[] command = Child.Command(Child.TraceForEver);
                ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true };
                start.Environment[PrivilegeTests.BackendVariable] = backend.ToString();
                using Process child = Process.Start(start)!;
                KernelObjects held = KernelObjects.Parse(child.StandardOutput.ReadLine()!);
                Assert.InRange(held.ProgramCount, 1, 100);
                Thread.Sleep(Random.Shared.Next(100));
                child.Kill();
                child.WaitForExit();
                held.AssertGone();
            }

            KernelObjects.AssertNoMorePrograms(before);
        }
        finally
        {
            load.Kill();
            load.WaitForExit();
        }
    }

    /// <summary>The child of that.</summary>
    public static int TraceForEver()
    {
        Backend backend = Enum.Parse<Backend>(Environment.GetEnvironmentVariable(PrivilegeTests.BackendVariable)!);
        for (bool told = false; ; told = true)
        {
            using BindTracer tracer = new(new TraceOptions { Backend = backend });
            if (!told)
            {
                Console.WriteLine(KernelObjects.Held());
            }

            _ = tracer.Read(TimeSpan.FromMilliseconds(10)).Count();
        }
    }

    /// <summary>A program without a link runs no more, whatever else is kept for reading.</summary>
    [Fact]
    public void StoppingDetaches()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        Bind(20962);
        tracer.Stop();
        Assert.Equal([20962], tracer.Read().Select(e => e.Port));
        TraceStatistics statistics = tracer.ReadStatistics();
        Bind(20963);
        Assert.Equal(statistics, tracer.ReadStatistics());
        Assert.Empty(tracer.Read());
    }

    // ---- how it ends

    [Fact]
    public void DurationEndsOnTime()
    {
        Requires.Tracing();
        TimeSpan duration = TimeSpan.FromSeconds(1);
        List<long> made = [];
        using BindTracer tracer = new(s_ownCalls);
        using CancellationTokenSource end = new();

        // Port and moment of each bind; those that were over in time must be among the events.
        Thread binder = new(() =>
        {
            for (ushort port = 21000; !end.IsCancellationRequested; port++)
            {
                Bind(port);
                lock (made)
                {
                    made.Add(Stopwatch.GetTimestamp());
                }

                Thread.Sleep(2);
            }
        });
        binder.Start();
        long start = Stopwatch.GetTimestamp();
        BindEvent[] events = [.. tracer.Read(duration)];
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        end.Cancel();
        binder.Join();

        Assert.InRange(took, duration - TimeSpan.FromMilliseconds(20), duration + s_soon);
        int inTime = made.Count(m => Stopwatch.GetElapsedTime(start, m) < duration - TimeSpan.FromMilliseconds(20));
        Assert.True(inTime > 10);
        Assert.Equal(Enumerable.Range(21000, inTime), events.Take(inTime).Select(e => e.Port));
        Assert.True(events.Length <= made.Count);
    }

    [Fact]
    public void DurationEndsAnIdleReader()
    {
        Requires.Tracing();
        TimeSpan duration = TimeSpan.FromMilliseconds(300);
        using BindTracer tracer = new(s_ownCalls);
        using CancellationTokenSource patience = new(duration + s_soon);
        long start = Stopwatch.GetTimestamp();
        Assert.Empty(tracer.Read(duration, patience.Token));
        Assert.False(patience.IsCancellationRequested);
        Assert.InRange(Stopwatch.GetElapsedTime(start), duration - TimeSpan.FromMilliseconds(20), duration + s_soon);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1000)]
    public void NoTimeAtAll(int milliseconds)
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        Bind(20964);
        Assert.Equal([20964], tracer.Read(TimeSpan.FromMilliseconds(milliseconds)).Select(e => e.Port));
    }

    [Fact]
    public void VeryLongDurations()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        Bind(20965);
        Assert.Equal(20965, tracer.Read(TimeSpan.MaxValue).First().Port);
        Bind(20966);
        Assert.Equal(20966, tracer.Read(TimeSpan.FromDays(1000)).First().Port);
    }

    [Fact]
    public async Task StopEmitsEverythingBefore()
    {
        Requires.Tracing();
        const int Count = 3000;
        using BindTracer tracer = new(s_ownCalls);
        using ManualResetEventSlim stopped = new();
        Task other = Task.Run(() =>
        {
            // In a network of its own, so that no port is busy.
            Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
            {
                for (int i = 0; i < Count; i++)
                {
                    Bind((ushort)(21000 + i));
                }
            });
            tracer.Stop();
            stopped.Set();
        });
        List<int> ports = [];
        foreach (BindEvent next in tracer.Read())
        {
            // So that nearly all of them are still in the buffer when Stop is called.
            Assert.True(stopped.Wait(TimeSpan.FromSeconds(60)));
            ports.Add(next.Port);
        }

        await other;
        Assert.Equal(Enumerable.Range(21000, Count), ports);
        Assert.Equal(Count, tracer.ReadStatistics().Emitted);
    }

    [Fact]
    public void StopEndsAnIdleReader()
    {
        Requires.Tracing();
        using Collector collector = new(s_ownCalls);
        Thread.Sleep(200);
        long start = Stopwatch.GetTimestamp();
        Assert.Empty(collector.Finish());
        Assert.True(Stopwatch.GetElapsedTime(start) < s_soon);
    }

    [Fact]
    public void CancellationEndsAnIdleReaderAtOnce()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        using CancellationTokenSource cancellation = new();
        long cancelled = 0;
        Thread other = new(() =>
        {
            Thread.Sleep(300);
            cancelled = Stopwatch.GetTimestamp();
            cancellation.Cancel();
        });
        other.Start();
        Assert.Empty(tracer.Read(s_soon * 2, cancellation.Token));
        TimeSpan took = Stopwatch.GetElapsedTime(cancelled);
        other.Join();
        Assert.True(took < s_soon, $"{took}");
    }

    [Fact]
    public void CancellationEndsABusyReaderAtOnce()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        using CancellationTokenSource cancellation = new();
        for (ushort i = 0; i < 100; i++)
        {
            Bind((ushort)(21000 + i));
        }

        int count = 0;
        foreach (BindEvent _ in tracer.Read(cancellationToken: cancellation.Token))
        {
            if (++count == 10)
            {
                cancellation.Cancel();
            }
        }

        Assert.Equal(10, count);
        Assert.Empty(tracer.Read(cancellationToken: cancellation.Token));
    }

    /// <summary>What is in the buffer stays there for the next enumeration.</summary>
    [Fact]
    public void ReadingContinuesWhereItStopped()
    {
        Requires.Tracing();
        using BindTracer tracer = new(s_ownCalls);
        Bind(20967);
        Bind(20968);
        Assert.Equal(20967, tracer.Read().First().Port);
        Bind(20969);
        tracer.Stop();
        Assert.Equal([20968, 20969], tracer.Read().Select(e => e.Port));
    }

    [Fact]
    public void TracesDoNotDisturbEachOther()
    {
        Requires.Tracing();
        using Collector first = new(s_ownCalls);
        Bind(20970);
        using (Collector second = new(s_ownCalls))
        {
            Bind(20971);
            Assert.Equal([20971], second.Finish().Select(e => e.Port));
        }

        Bind(20972);
        Assert.Equal([20970, 20971, 20972], first.Finish().Select(e => e.Port));
    }

    [Fact]
    public void AfterDisposal()
    {
        Requires.Tracing();
        BindTracer tracer = new(s_ownCalls);
        tracer.Dispose();
        tracer.Dispose();
        tracer.Stop();
        Assert.Throws<ObjectDisposedException>(() => tracer.ReadStatistics());
    }

    /// <summary>
    /// Reading then is an error, not a look at memory that is gone; in a process of its own, as that would
    /// be the end of this one.
    /// </summary>
    [Fact]
    public void ReadingAfterDisposal()
    {
        Requires.Tracing();
        Assert.Equal("ObjectDisposedException", Child.Start(Child.ReadAfterDisposal).Trim());
    }

    /// <summary>Disposal ends a reader on another thread, and takes nothing away that it still looks at.</summary>
    [Fact]
    public void DisposalEndsTheReader()
    {
        Requires.Tracing();
        Assert.Equal("ended", Child.Start(Child.DisposeWhileReading).Trim());
    }

    // ---- what cannot be

    [Theory]
    [InlineData(0)]
    [InlineData(-4096)]
    [InlineData(1)]
    [InlineData(2048)]
    [InlineData(4095)]
    [InlineData(5000)]
    [InlineData(12288)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void BufferSizesThatCannotBe(int size)
    {
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { BufferSize = size }).Dispose());
        Assert.Equal("InvalidBufferSize", exception.ErrorId);
        Assert.Equal(TraceErrorKind.InvalidArgument, exception.Kind);
        Assert.Equal(size, exception.Target);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void CountCapacitiesThatCannotBe(int capacity)
    {
        TraceException exception = Assert.Throws<TraceException>(() => new BindCounter(new TraceOptions { CountCapacity = capacity }).Dispose());
        Assert.Equal("InvalidCountCapacity", exception.ErrorId);
    }

    /// <summary>A requested back end works, or fails with one error that says why and has libbpf's messages.</summary>
    [Theory]
    [InlineData(Backend.Fentry)]
    [InlineData(Backend.Kprobe)]
    [InlineData(Backend.Tracepoint)]
    [InlineData(Backend.Cgroup)]
    public void BackendThatDoesNotWork(Backend backend)
    {
        Requires.Tracing();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        try
        {
            using BindTracer tracer = new(new TraceOptions { Backend = backend });
            Assert.Equal(backend, tracer.Backend);
            Assert.Empty(tracer.Refusals);
        }
        catch (TraceException exception)
        {
            Assert.True(Requires.IsRefusal(exception), exception.ErrorId);
            Assert.NotEqual("NoBackend", exception.ErrorId);
            Assert.NotEmpty(exception.Message);
            Assert.NotEmpty(exception.RecommendedAction);
            // The empty program that tests whether the kernel has trampolines leaves no log.
            if (exception.ErrorId is "BpfLoadFailed" or "BpfAttachFailed" && (backend != Backend.Fentry || exception.InnerException is not null))
            {
                Assert.Contains("libbpf:", Assert.IsType<InvalidOperationException>(exception.InnerException).Message, StringComparison.Ordinal);
            }

            Assert.Equal(before, KernelObjects.Descriptors());
        }
    }

    [Fact]
    public void WithoutPrivileges()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can give up root.");
        Assert.Equal("NotPrivileged PermissionDenied", Child.Start(Child.Unprivileged).Trim());
    }

    private static void LeavesNothing(Action<BindTracer> use)
    {
        Requires.Tracing();
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        KernelObjects held;
        using (BindTracer tracer = new(s_ownCalls))
        {
            held = KernelObjects.Held();
            Assert.InRange(held.ProgramCount, 1, 100);
            Assert.InRange(held.MapCount, 1, 100);
            use(tracer);
        }

        Assert.Equal(before, KernelObjects.Descriptors());
        Assert.DoesNotContain(File.ReadLines("/proc/self/maps"), line => line.Contains("bpf-map", StringComparison.Ordinal));
        held.AssertGone();
    }

    private static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));
}

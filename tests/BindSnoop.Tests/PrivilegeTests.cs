using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;
using BindSnoop.Interop;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What an ordinary user can trace with which capabilities, and what refusals look like.</summary>
public sealed class PrivilegeTests
{
    /// <summary>Tells the child which back end to use.</summary>
    public const string BackendVariable = "BINDSNOOP_TEST_BACKEND";

    /// <summary>The child's status when it could not trace, and said why.</summary>
    public const int Refused = 3;

    private const int SawItself = 0;

    private static readonly string[] s_all = ["bpf", "perfmon", "net_admin", "dac_read_search", "sys_admin"];

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    [Theory]
    [MemberData(nameof(Backends))]
    public void AnOrdinaryUserTracesWithTheCapabilities(Backend backend)
    {
        Requires.Tracing(backend);

        // The numbers of the tracepoints stand in tracefs, which is root's; and Debian's kernels let only
        // CAP_SYS_ADMIN open perf events while kernel.perf_event_paranoid is above 2, as it is there by default.
        bool onlyAdministrators = int.Parse(File.ReadAllText("/proc/sys/kernel/perf_event_paranoid"), CultureInfo.InvariantCulture) > 2;
        string[] capabilities =
            backend == Backend.Tracepoint ? s_all
            : backend == Backend.Kprobe && onlyAdministrators ? ["bpf", "perfmon", "sys_admin"]
            : backend == Backend.Cgroup ? ["bpf", "perfmon", "net_admin"]
            : ["bpf", "perfmon"];
        (int status, string output) = RunAsUser(backend, capabilities);
        Assert.True(status == SawItself, output);
    }

    /// <summary>The smallest sets: each traces, and with any one less there is one clear error.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void NoCapabilityIsSuperfluous(Backend backend)
    {
        Requires.Tracing(backend);
        bool needsAdministrator = backend is not (Backend.Fentry or Backend.Cgroup) &&
            (int.Parse(File.ReadAllText("/proc/sys/kernel/perf_event_paranoid"), CultureInfo.InvariantCulture) > 2 ||
             (backend == Backend.Tracepoint && !Directory.Exists("/sys/kernel/tracing/events")));

        // CAP_SYS_ADMIN has the other two in it.
        string[] least = [.. needsAdministrator ? new[] { "sys_admin" } : ["bpf", "perfmon"], .. backend == Backend.Tracepoint ? new[] { "dac_read_search" } : [], .. backend == Backend.Cgroup ? new[] { "net_admin" } : []];
        Assert.Equal((SawItself, ""), RunAsUser(backend, least));
        foreach (string capability in least)
        {
            (int status, string output) = RunAsUser(backend, [.. least.Where(c => c != capability)]);
            Assert.True(status == Refused, $"without {capability}: {status} {output}");
            Assert.Matches("^[A-Za-z]+: .*\\.$", output);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{backend}: {string.Join(", ", least)}");
    }

    [Theory]
    [InlineData("bpf")]
    [InlineData("perfmon")]
    [InlineData("")]
    public void WithoutThemThereIsOneClearError(string capability)
    {
        Requires.Tracing();
        (int status, string output) = RunAsUser(Backend.Auto, capability.Length > 0 ? [capability] : []);
        Assert.Equal(Refused, status);
        Assert.Equal("NotPrivileged: Tracing requires the capabilities CAP_BPF and CAP_PERFMON, which this process does not have.", output);
    }

    [Fact]
    public void TracepointsWithoutTracefsSayWhatToMount()
    {
        Requires.Tracing(Backend.Tracepoint);
        (int status, string output) = RunAsUser(Backend.Tracepoint, ["bpf", "perfmon"]);
        Assert.Equal(Refused, status);
        Assert.StartsWith("TraceFsUnavailable: ", output);
    }

    [Fact]
    public void AutoIsTheFirstThatWorks()
    {
        Requires.Tracing();
        using BindTracer tracer = new(new TraceOptions());
        Backend[] usable = [.. TraceSupport.Probe().Backends.Where(b => b.Usable).Select(b => b.Backend)];
        Backend[] order = Platform.Preempts
            ? [Backend.Cgroup, Backend.Kprobe, Backend.Fentry, Backend.Tracepoint]
            : [Backend.Fentry, Backend.Kprobe, Backend.Cgroup, Backend.Tracepoint];
        Backend best = order.First(usable.Contains);
        Assert.Equal(best, tracer.Backend);

        // Those before it; and Fentry where it would lose what others do not.
        Backend[] expected = [.. order.TakeWhile(b => b != best)
            .Union(Platform.Preempts && best is (Backend.Cgroup or Backend.Kprobe) && usable.Contains(Backend.Fentry) ? [Backend.Fentry] : Array.Empty<Backend>()).Order()];
        Assert.Equal(expected, tracer.Refusals.Select(r => r.Backend).Order());
        Assert.All(tracer.Refusals, r => Assert.True(usable.Contains(r.Backend) == (r.Error.ErrorId == "ProgramsPreempted")));
        Assert.All(tracer.Refusals, r => Assert.NotEmpty(r.Error.RecommendedAction));
    }

    [Fact]
    public void LockdownForConfidentialityIsNamed()
    {
        Assert.SkipUnless(Platform.Lockdown == "confidentiality", "this kernel is not locked down for confidentiality");
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions()));
        Assert.Equal("NoBackend", exception.ErrorId);
        Assert.Contains("lockdown", exception.RecommendedAction + exception.Message, StringComparison.Ordinal);
        Assert.All(TraceSupport.Probe().Backends, b => Assert.Contains("lockdown=integrity", b.Remedy, StringComparison.Ordinal));
    }

    /// <summary>Who gives up root once the trace runs keeps what is open, and still leaves nothing.</summary>
    [Fact]
    public void GivingUpRootWhileTracingLeavesNothing()
    {
        Requires.Tracing();
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can give up root.");
        string[] lines = Child.Start(Child.DropWhileTracing).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["bind 0 seen 20974", lines[1], "left 0"], lines);
        KernelObjects held = KernelObjects.Parse(lines[1]);
        Assert.InRange(held.ProgramCount, 1, 100);
        held.AssertGone();
    }

    /// <summary>The child: traces, binds a port, and ends when it has seen itself do so.</summary>
    public static int TraceItself()
    {
        Backend backend = Enum.Parse<Backend>(Environment.GetEnvironmentVariable(BackendVariable)!);
        try
        {
            using BindTracer tracer = new(new TraceOptions { Backend = backend, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            int port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            return tracer.Read(TimeSpan.FromSeconds(20)).Any(e => e.Port == port) ? SawItself : 1;
        }
        catch (TraceException exception)
        {
            Console.Write($"{exception.ErrorId}: {exception.Message}");
            return Refused;
        }
    }

    private static (int Status, string Output) RunAsUser(Backend backend, IReadOnlyList<string> capabilities)
    {
        string set = string.Concat("-all", string.Concat(capabilities.Select(c => $",+{c}")));
        return Child.Under(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", set, "--ambient-caps", set, "--"],
            Child.TraceItself,
            new Dictionary<string, string> { [BackendVariable] = backend.ToString() });
    }
}

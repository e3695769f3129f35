using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every case of <c>bindtruth accept</c> under every back end, every field of every event.</summary>
public sealed class AcceptMatrixTests
{
    private static readonly Backend[] s_functionBackends = [Backend.Fentry, Backend.Kprobe];

    private static readonly AcceptMatrix s_matrix = new(new TraceFilter { IncludeError = true });
    private static readonly AcceptMatrix s_successes = new(new TraceFilter());
    private static readonly AcceptMatrix s_wouldBlock = new(new TraceFilter { IncludeError = true, IncludeWouldBlock = true });

    private static readonly AcceptMatrix s_unsecured = new(new TraceFilter { IncludeError = true }, "security_sock_graft");
    private static readonly AcceptMatrix s_unsecuredSuccesses = new(new TraceFilter(), "security_sock_graft");

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() => BackendRows.With(Truth.AcceptCases);

    public static IEnumerable<TheoryDataRow<Backend, string>> WouldBlockRows() => Rows().Where(r => !AcceptMatrix.IsTriedFirst(r.Data.Item2));

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    public static IEnumerable<TheoryDataRow<Backend, string>> FunctionRows() => Rows().Where(r => s_functionBackends.Contains(r.Data.Item1));

    public static IEnumerable<TheoryDataRow<Backend>> FunctionBackends() => Backends().Where(r => s_functionBackends.Contains(r.Data));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Case(Backend backend, string name) => s_matrix.Case(backend, name);

    /// <summary>Without errors other programs are attached, and the tracepoints look at the exits alone.</summary>
    [Theory]
    [MemberData(nameof(Rows))]
    public void SuccessesOnly(Backend backend, string name) => s_successes.Case(backend, name);

    [Theory]
    [MemberData(nameof(WouldBlockRows))]
    public void WithThoseThatWouldBlock(Backend backend, string name) => s_wouldBlock.Case(backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingElseIsSeen(Backend backend) => s_matrix.NothingElseIsSeen(backend);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingIsLost(Backend backend)
    {
        s_matrix.NothingIsLost(backend);
        s_successes.NothingIsLost(backend);
        s_wouldBlock.NothingIsLost(backend);
    }

    /// <summary>Where the kernel has no security modules for networking (CONFIG_SECURITY_NETWORK=n), another function is hooked.</summary>
    [Theory]
    [MemberData(nameof(FunctionRows))]
    public void WithoutSecurityModules(Backend backend, string name)
    {
        RequireSubstitute();
        s_unsecured.Case(backend, name);
        s_unsecuredSuccesses.Case(backend, name);
    }

    [Theory]
    [MemberData(nameof(FunctionBackends))]
    public void NothingIsLostWithoutSecurityModules(Backend backend)
    {
        RequireSubstitute();
        s_unsecured.NothingElseIsSeen(backend);
        s_unsecured.NothingIsLost(backend);
        s_unsecuredSuccesses.NothingIsLost(backend);
    }

    /// <summary>Where that is missing, too, accepts are not seen by functions.</summary>
    [Fact]
    public void WithoutAnyOfTheFunctions()
    {
        Requires.Tracing(Backend.Tracepoint);
        string[] missing = ["security_sock_graft", "__inet_accept"];
        using (AcceptCollector collector = new(new TraceOptions(), missing))
        {
            Assert.Equal(Backend.Tracepoint, collector.Tracer.Backend);
        }

        foreach (Backend backend in s_functionBackends.Where(Requires.Works))
        {
            TraceException refusal = Assert.Throws<TraceException>(() => new AcceptCollector(new TraceOptions { Backend = backend }, missing));
            Assert.Equal("FunctionNotFound", refusal.ErrorId);
            Assert.Contains("security_sock_graft", refusal.Message, StringComparison.Ordinal);
        }
    }

    private static void RequireSubstitute() =>
        Assert.SkipUnless(TracerDefinition.KernelTypes.HasFunction("__inet_accept"), "before 6.5 there is no other function to hook");

    private sealed class AcceptMatrix(TraceFilter filter, params string[] missing) : Matrix<AcceptLine, AcceptEvent>(filter, Truth.AcceptCases)
    {
        /// <summary>
        /// io_uring tries an accept before it waits for a connection, which the truth, knowing only the final
        /// result, does not report.
        /// </summary>
        public static bool IsTriedFirst(string name) => name is "accept-uring-waiting" or "accept-uring-multishot";

        protected override Collector<AcceptEvent> Trace(TraceOptions options) => new AcceptCollector(options, missing);

        protected override IReadOnlyList<AcceptLine> MakeCalls() => Truth.Accept();

        protected override AcceptLine? AsSeen(AcceptLine line, Backend backend) => Seen.As(line, backend, Filter);

        protected override void Compare(AcceptLine line, AcceptEvent actual, Comparison comparison)
        {
            comparison.Equal("Protocol", line.Protocol == 262 ? "MPTCP" : "TCP", actual.Protocol);
            comparison.Equal("ProtocolNumber", line.Protocol, actual.ProtocolNumber);
            comparison.Equal("AddressFamily", line.Family, actual.AddressFamily);
            comparison.Equal("LocalAddress", WithScope(line.LocalAddress, (uint)line.Ifindex), actual.LocalAddress);
            comparison.Equal("LocalPort", line.LocalPort, actual.LocalPort);
            comparison.Equal("RemoteAddress", WithScope(line.RemoteAddress, (uint)line.Ifindex), actual.RemoteAddress);
            if (line.RemotePort == Seen.SomePort)
            {
                comparison.True("RemotePort", actual.RemotePort != 0, actual.RemotePort);
            }
            else
            {
                comparison.Equal("RemotePort", line.RemotePort ?? 0, actual.RemotePort);
            }

            comparison.Equal("InterfaceIndex", line.Ifindex, actual.InterfaceIndex);
            comparison.True("InterfaceName", IsInterfaceName(line, actual.InterfaceName), actual.InterfaceName);
        }
    }
}

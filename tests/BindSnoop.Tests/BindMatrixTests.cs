using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every case of the truth program under every back end, every field of every event.</summary>
public sealed class BindMatrixTests
{
    private static readonly BindMatrix s_matrix = new(includeError: true);
    private static readonly BindMatrix s_successes = new(includeError: false);

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() => BackendRows.OfBindsWith(Truth.Cases);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    public static IEnumerable<TheoryDataRow<Backend, string>> CgroupRows() => Rows().Where(r => r.Data.Item1 == Backend.Cgroup);

    [Theory]
    [MemberData(nameof(Rows))]
    public void Case(Backend backend, string name) => s_matrix.Case(backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingElseIsSeen(Backend backend) => s_matrix.NothingElseIsSeen(backend);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingIsLost(Backend backend) => s_matrix.NothingIsLost(backend);

    /// <summary>Successes alone: those of them that programs of the cgroup do not see come from hooks beside them, or not at all.</summary>
    [Theory]
    [MemberData(nameof(CgroupRows))]
    public void CaseWithoutErrors(Backend backend, string name) => s_successes.Case(backend, name);

    [Fact]
    [Trait("Backend", nameof(Backend.Cgroup))]
    public void NothingElseIsSeenWithoutErrors() => s_successes.NothingElseIsSeen(Backend.Cgroup);

    [Fact]
    [Trait("Backend", nameof(Backend.Cgroup))]
    public void NothingIsLostWithoutErrors() => s_successes.NothingIsLost(Backend.Cgroup);

    private sealed class BindMatrix(bool includeError) : Matrix<TruthLine, BindEvent>(new TraceFilter { IncludeError = includeError }, Truth.Cases)
    {
        protected override Collector<BindEvent> Trace(TraceOptions options) => new Collector(options);

        protected override IReadOnlyList<TruthLine> MakeCalls() => Truth.Run();

        protected override TruthLine? AsSeen(TruthLine line, Backend backend) =>
            (line.Error == 0 || Filter.IncludeError) && Seen.By(line, backend, Filter) ? line : null;

        protected override void Compare(TruthLine line, BindEvent actual, Comparison comparison)
        {
            string? requested = WithScope(line.RequestedAddress, line.ScopeId);

            comparison.Equal("Protocol", ProtocolName(line.Protocol), actual.Protocol);
            comparison.Equal("ProtocolNumber", line.Protocol, actual.ProtocolNumber);
            comparison.Equal("SocketType", line.Type ?? "", actual.SocketType);
            comparison.Equal("AddressFamily", line.Family, actual.AddressFamily);
            comparison.Equal("Address", line.Error == 0 ? WithScope(line.Address, (uint)line.Ifindex) : requested, actual.Address);
            comparison.Equal("Port", line.Port ?? 0, actual.Port);
            comparison.Equal("RequestedAddress", requested, actual.RequestedAddress);
            comparison.Equal("RequestedPort", line.RequestedPort ?? 0, actual.RequestedPort);
            comparison.Equal("OptionString", line.Options, actual.OptionString);
            comparison.Equal("Options", OptionsOf(line.Options), actual.Options);
            comparison.Equal("IPv6Only", line.V6OnlyAfter, actual.IPv6Only);

            // A link-local address binds the socket to its interface before the kernel looks whether there is one;
            // an interface without a name is none to getsockopt(SO_BINDTODEVICE), which the truth comes from.
            comparison.Equal("InterfaceIndex", line.ErrorName == "ENODEV" ? (int)line.ScopeId : line.Ifindex, actual.InterfaceIndex);
            comparison.True("InterfaceName", IsInterfaceName(line, actual.InterfaceName), actual.InterfaceName);
        }
    }
}

using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every case of <c>bindtruth release</c> under every back end, every field of every event.</summary>
public sealed class ReleaseMatrixTests
{
    private static readonly ReleaseMatrix s_matrix = new();

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() => BackendRows.OfBindsWith(Truth.ReleaseCases);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    [Theory]
    [MemberData(nameof(Rows))]
    public void Case(Backend backend, string name) => s_matrix.Case(backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingElseIsSeen(Backend backend) => s_matrix.NothingElseIsSeen(backend);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingIsLost(Backend backend) => s_matrix.NothingIsLost(backend);

    private sealed class ReleaseMatrix() : Matrix<ReleaseLine, ReleaseEvent>(new TraceFilter(), Truth.ReleaseCases)
    {
        protected override Collector<ReleaseEvent> Trace(TraceOptions options) => new ReleaseCollector(options);

        protected override IReadOnlyList<ReleaseLine> MakeCalls() => Truth.Release();

        protected override ReleaseLine? AsSeen(ReleaseLine line, Backend backend) => Seen.As(line, backend);

        protected override void Compare(ReleaseLine line, ReleaseEvent actual, Comparison comparison)
        {
            comparison.Equal("Protocol", ProtocolName(line.Protocol), actual.Protocol);
            comparison.Equal("ProtocolNumber", line.Protocol, actual.ProtocolNumber);
            comparison.Equal("SocketType", line.Type ?? "", actual.SocketType);
            comparison.Equal("AddressFamily", line.Family, actual.AddressFamily);
            comparison.Equal("Address", WithScope(line.Address, (uint)line.Ifindex), actual.Address);
            comparison.Equal("Port", line.Port, actual.Port);
            comparison.Equal("State", line.State, actual.State);
            comparison.Equal("LeavesTimeWait", line.TimeWait, actual.LeavesTimeWait);
            comparison.Equal("BoundFor", line.BoundSeen, actual.BoundFor is not null);
            if (actual.BoundFor is { } boundFor)
            {
                // In ticks of 100 ns, of which the rest is cut off.
                comparison.True("BoundFor", boundFor.Ticks >= (line.BoundLeast ?? 0) / 100 && boundFor.Ticks <= (line.BoundMost ?? long.MaxValue) / 100, boundFor);
            }

            comparison.Equal("OptionString", line.Options, actual.OptionString);
            comparison.Equal("Options", OptionsOf(line.Options), actual.Options);
            comparison.Equal("IPv6Only", line.V6Only, actual.IPv6Only);
            comparison.Equal("InterfaceIndex", line.Ifindex, actual.InterfaceIndex);
            comparison.True("InterfaceName", IsInterfaceName(line, actual.InterfaceName), actual.InterfaceName);
        }
    }
}

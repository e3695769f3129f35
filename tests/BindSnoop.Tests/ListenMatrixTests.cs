using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every case of <c>bindtruth listen</c> under every back end, every field of every event.</summary>
public sealed class ListenMatrixTests
{
    private static readonly ListenMatrix s_matrix = new(new TraceFilter { IncludeError = true });
    private static readonly ListenMatrix s_successes = new(new TraceFilter());

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() => BackendRows.With(Truth.ListenCases);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    [Theory]
    [MemberData(nameof(Rows))]
    public void Case(Backend backend, string name) => s_matrix.Case(backend, name);

    /// <summary>Without errors fewer functions are hooked.</summary>
    [Theory]
    [MemberData(nameof(Rows))]
    public void SuccessesOnly(Backend backend, string name) => s_successes.Case(backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingElseIsSeen(Backend backend) => s_matrix.NothingElseIsSeen(backend);

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingIsLost(Backend backend)
    {
        s_matrix.NothingIsLost(backend);
        s_successes.NothingIsLost(backend);
    }

    private sealed class ListenMatrix(TraceFilter filter) : Matrix<ListenLine, ListenEvent>(filter, Truth.ListenCases)
    {
        protected override Collector<ListenEvent> Trace(TraceOptions options) => new ListenCollector(options);

        protected override IReadOnlyList<ListenLine> MakeCalls() => Truth.Listen();

        protected override ListenLine? AsSeen(ListenLine line, Backend backend) => Seen.As(line, backend, Filter);

        // A kernel before 5.11 has no type information of modules; module_blacklist=sctp makes it run all the same.
        protected override bool IsDocumented(Backend backend, TraceException refusal) =>
            backend == Backend.Fentry && Directory.Exists("/sys/module/sctp") && !File.Exists("/sys/kernel/btf/sctp") &&
            refusal is { ErrorId: "FunctionNotFound" } && refusal.Message.Contains("sctp_inet_listen", StringComparison.Ordinal);

        protected override void Compare(ListenLine line, ListenEvent actual, Comparison comparison)
        {
            comparison.Equal("Protocol", ProtocolName(line.Protocol), actual.Protocol);
            comparison.Equal("ProtocolNumber", line.Protocol, actual.ProtocolNumber);
            comparison.Equal("SocketType", line.Type ?? "", actual.SocketType);
            comparison.Equal("AddressFamily", line.Family, actual.AddressFamily);
            comparison.Equal("Address", WithScope(line.Address, (uint)line.Ifindex), actual.Address);
            comparison.Equal("Port", line.Port ?? 0, actual.Port);
            comparison.Equal("Backlog", line.Backlog, actual.Backlog);
            comparison.Equal("BacklogLimit", line.Limit, actual.BacklogLimit);
            comparison.Equal("Implicit", line.Implicit, actual.Implicit);
            comparison.Equal("PortChosen", line.Chosen, actual.PortChosen);
            comparison.Equal("AlreadyListening", line.Already, actual.AlreadyListening);
            comparison.Equal("OptionString", line.Options, actual.OptionString);
            comparison.Equal("Options", OptionsOf(line.Options), actual.Options);
            comparison.Equal("IPv6Only", line.V6Only, actual.IPv6Only);
            comparison.Equal("InterfaceIndex", line.Ifindex, actual.InterfaceIndex);
            comparison.True("InterfaceName", IsInterfaceName(line, actual.InterfaceName), actual.InterfaceName);
        }
    }
}

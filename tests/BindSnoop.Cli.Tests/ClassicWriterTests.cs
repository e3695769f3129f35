using BindSnoop.Abi;
using BindSnoop.Cli.Output;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The classic text, byte for byte what Python makes of the classic format strings (Golden/expected.py).</summary>
[Trait("Build", "Any")]
public sealed class ClassicWriterTests
{
    private static readonly Dictionary<string, string> s_expected = ReadExpected();

    /// <summary>The events of expected.py.</summary>
    private static IEnumerable<BindEvent> Events =>
    [
        Made.Event(1000000, 0, 0, 181, "nginx"u8.ToArray(), 6, "0.0.0.0", 80, BindOptions.ReuseAddress),
        Made.Event(1000042, 1000, 98, 4194303, "python3"u8.ToArray(), 6, "127.0.0.1", 8080),
        Made.Event(
            1011045, 4294967294, 13, 1, "a-very-long-pro"u8.ToArray(), 136, "2001:db8:1234:5678:9abc:def0:1234:5678", 443, (BindOptions)31, 1234),
        Made.Event(
            3500000, 33, 0, 99999999, Made.Utf8("Käse 6789abcde"), 132, "192.168.100.200", 65535,
            BindOptions.FreeBind | BindOptions.BindAddressNoPort | BindOptions.ReusePort, 12),
        Made.Event(999999, 0, 22, 7, [], 58, "fe80::1%9", 0, BindOptions.Transparent, 9),
        Made.Event(
            1000000, 0, 0, 8, Made.Utf8("日本語名前"), 262, "::ffff:127.0.0.1", 5, BindOptions.ReuseAddress | BindOptions.ReusePort),
        Made.Event(12345678901234, 65534, 9, 4242, "\x1b[31mred"u8.ToArray(), 0, null, 0),
    ];

    [Theory]
    [InlineData("")]
    [InlineData("t")]
    [InlineData("U")]
    [InlineData("E")]
    [InlineData("w")]
    [InlineData("tU")]
    [InlineData("Ew")]
    [InlineData("tUE")]
    [InlineData("tUEw")]
    public void Events_look_as_in_bcc(string flags)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<BindEvent> writer = new(output, BindEvent.Definition, Use(flags));
        writer.Begin();
        foreach (BindEvent next in Events)
        {
            writer.Write(next);
        }

        output.Flush();
        Assert.Equal(s_expected[flags], sink.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("t")]
    [InlineData("E")]
    [InlineData("tE")]
    public void Accepts_look_as_in_bcc(string flags)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<AcceptEvent> writer = new(output, AcceptEvent.Definition, Use(flags));
        writer.Begin();
        foreach (AcceptEvent next in new[]
        {
            Made.Accept(5000000, 0, 907, "sshd"u8.ToArray(), "192.168.56.1", 32324, "192.168.56.102", 22),
            Made.Accept(5062500, 0, 4194303, "a-very-long-pro"u8.ToArray(), "2001:db8:1234:5678:9abc:def0:1234:5678", 65535, "::1", 8080),
            Made.Accept(5002500, 0, 10000000, Made.Utf8("Käse 6789abcde"), "::ffff:127.0.0.1", 1, "::ffff:127.0.0.1", 65535),
            Made.Accept(4999500, 24, 1, [], null, 0, "0.0.0.0", 443),
            Made.Accept(98765432109, 0, 2, "x"u8.ToArray(), "10.0.0.1", 5, "10.0.0.2", 80),
        })
        {
            writer.Write(next);
        }

        output.Flush();
        Assert.Equal(s_expected["accept " + flags], sink.Text);
    }

    [Fact]
    public void Accepts_can_have_the_time_of_day()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<AcceptEvent> writer = new(output, AcceptEvent.Definition, ColumnUse.TimeOfDay | ColumnUse.Seconds | ColumnUse.Narrow);
        writer.Begin();
        AcceptEvent next = Made.Accept();
        writer.Write(next);
        output.Flush();
        string[] lines = sink.Text.Split('\n');
        Assert.StartsWith("TIME     TIME(s)  PID     COMM ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith($"{next.Time:HH:mm:ss} 0.000    1       made ", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("t")]
    [InlineData("E")]
    [InlineData("tE")]
    public void Listens_look_as_in_bcc(string flags)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<ListenEvent> writer = new(output, ListenEvent.Definition, Use(flags));
        writer.Begin();
        foreach (ListenEvent next in new[]
        {
            Made.Listen(7000000, 0, 907, "sshd"u8.ToArray(), 4026531840, 6, 128, 22, "0.0.0.0"),
            Made.Listen(7000250, 0, 4194303, "a-very-long-pro"u8.ToArray(), 4026532222, 262, -1, 65535, "2001:db8:1234:5678:9abc:def0:1234:5678"),
            Made.Listen(7500000, 98, 1, Made.Utf8("Käse 6789abcde"), 4026531840, 6, 511, 8080, "127.0.0.1"),
            Made.Listen(6999999, 0, 2, [], 1, 132, null, 5, "::1"),
        })
        {
            writer.Write(next);
        }

        output.Flush();
        Assert.Equal(s_expected["listen " + flags], sink.Text);
    }

    [Fact]
    public void Listens_have_more_columns_where_they_are_wide()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<ListenEvent> writer = new(output, ListenEvent.Definition, ColumnUse.Wide | ColumnUse.Errors);
        writer.Begin();
        writer.Write(Made.Listen());
        writer.Write(Made.Listen(error: 98));
        output.Flush();
        string[] lines = sink.Text.Split('\n');
        Assert.Equal($"{"RC",-25} PID    COMM             NETNS        PROTO  BACKLOG  LIMIT    OPTS  PORT  {"ADDR",-39}", lines[0]);
        Assert.Equal($"{"Success",-25} 1      made             1            TCP    5        4096     ...R. 80    {"127.0.0.1",-39}", lines[1]);
        Assert.Equal($"{"Address already in use",-25} 1      made             1            TCP    5        -        ...R. 80    {"127.0.0.1",-39}", lines[2]);
    }

    [Theory]
    [InlineData("", "PID    COMM         PROTO  STATE       BOUND            PORT  ", "1      made         ", "")]
    [InlineData("t", "TIME(s)   PID    COMM         PROTO  STATE       BOUND            PORT  ", "0.000000  1      made         ", "")]
    [InlineData("w", "PID    COMM             NETNS        PROTO  STATE       BOUND            TIMEWAIT OPTS  PORT  ", "1      made             1            ", "...R. ")]
    public void Releases_show_state_and_time(string flags, string heading, string begin, string options)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        EventTextWriter<ReleaseEvent> writer = new(output, ReleaseEvent.Definition, Use(flags));
        writer.Begin();
        writer.Write(Made.Release());
        writer.Write(Made.Release(protocol: 17, state: TcpStates.Close, boundFor: null));
        writer.Write(Made.Release(state: TcpStates.Established, flags: ReleaseFlags.Connected | ReleaseFlags.LeavesTimeWait, boundFor: 864_000_000_001));
        writer.Write(Made.Release(state: TcpStates.Close, flags: ReleaseFlags.Connected));
        output.Flush();
        string end = $"{options}80    {"127.0.0.1",-39}";
        string TimeWait(string shown) => flags == "w" ? $"{shown,-9}" : "";
        Assert.Equal(
            [
                $"{heading}{"ADDR",-39}",
                $"{begin}TCP    Listen      00:00:01         {TimeWait("-")}{end}",
                $"{begin}UDP    Unconnected -                {TimeWait("no")}{end}",
                $"{begin}TCP    Established 1.00:00:00.0000001 {TimeWait("yes")}{end}",
                $"{begin}TCP    Closed      00:00:01         {TimeWait("no")}{end}",
                "",
            ],
            sink.Text.Split('\n'));
    }

    [Fact]
    public void Counts_look_and_are_sorted_as_in_bcc()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        new CountTextWriter(output, "BINDS").Write(
        [
            Made.Count("::", 80, 12),
            Made.Count("127.0.0.1", 443, 3),
            Made.Count("127.0.0.1", 80, 3),
            Made.Count("0.0.0.0", 80, 2),
            Made.Count("127.0.0.1", 8080, 12345678000),
            Made.Count("127.0.0.1", 8080, 900, protocol: 17),
            Made.Count("0.0.0.0", 80, 1, error: 98),
            Made.Count("127.0.0.1", 8080, 1, error: 98),
            Made.Count("2001:db8:1234:5678:9abc:def0:1234:5678", 65535, 2),
        ]);
        output.Flush();
        Assert.Equal(s_expected["count"], sink.Text);
    }

    [Theory]
    [InlineData(
        false,
        "     BINDS CONTAINER                        LPORT",
        "      1234 shop/cart-1/app                  8080",
        "         2 web                              80",
        "         1 -                                443")]
    [InlineData(
        true,
        "     BINDS    FAILED CONTAINER                        LPORT",
        "      1234      1200 shop/cart-1/app                  8080",
        "         2         0 web                              80",
        "         1         0 -                                443")]
    public void Groups_of_counts_have_the_columns_asked_for(bool errors, params string[] expected)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        TraceOptions options = new() { GroupBy = [CountGroup.Container, CountGroup.Port], Filter = new() { IncludeError = errors } };
        new CountGroupTextWriter(output, "BINDS", options).Write(
        [
            new BindCountGroup(options.GroupBy, new() { ContainerName = "app", PodName = "cart-1", PodNamespace = "shop", Port = 8080 }, 1234, 1200),
            new BindCountGroup(options.GroupBy, new() { ContainerName = "web", PodName = "", Port = 80 }, 2, 0),
            new BindCountGroup(options.GroupBy, new() { ContainerName = "", Port = 443 }, 1, 0),
        ]);
        output.Flush();
        Assert.Equal([.. expected, ""], sink.Text.Split('\n'));
    }

    private static ColumnUse Use(string flags) =>
        flags.Aggregate(flags.Contains('w') ? ColumnUse.Wide : ColumnUse.Narrow, (use, flag) => use | flag switch
        {
            't' => ColumnUse.Seconds,
            'U' => ColumnUse.Uid,
            'E' => ColumnUse.Errors,
            _ => ColumnUse.Always,
        });

    private static Dictionary<string, string> ReadExpected()
    {
        using StreamReader reader = new(typeof(ClassicWriterTests).Assembly.GetManifestResourceStream("expected.txt")!);
        return reader.ReadToEnd().Split("== ", StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(part => part[..part.IndexOf('\n')], part => part[(part.IndexOf('\n') + 1)..]);
    }
}

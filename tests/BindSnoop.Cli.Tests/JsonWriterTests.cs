using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using BindSnoop.Abi;
using BindSnoop.Cli.Output;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>One JSON object a line, whatever is in it.</summary>
[Trait("Build", "Any")]
public sealed class JsonWriterTests
{
    public static TheoryData<byte[]> Comms => new()
    {
        "nginx"u8.ToArray(),
        "\"quoted\\\""u8.ToArray(),
        "line\nfeed\r\t"u8.ToArray(),
        "\x1b[2J\x1b[31m"u8.ToArray(),
        new byte[] { 0xff, 0xfe, 0xc3, 0x28 },
        Made.Utf8("日本語名前"),
        Made.Utf8("\u202egnp.exe"),
        Made.Utf8("\u2028\u2029\u0085"),
        Made.Utf8("😀😀😀"),
        "</script>&'+`"u8.ToArray(),
        Array.Empty<byte>(),
        new byte[] { 0x7f, 1 },
    };

    [Theory]
    [MemberData(nameof(Comms))]
    public void Any_comm_makes_one_valid_line(byte[] comm)
    {
        BindEvent next = Made.Event(comm: comm);
        string text = Write(next);
        Assert.Equal(text.Length - 1, text.IndexOf('\n'));
        Assert.DoesNotContain(text[..^1], c => char.IsControl(c) || c is '\u2028' or '\u2029' or '\u202e');
        using JsonDocument json = JsonDocument.Parse(text);
        string escaped = json.RootElement.GetProperty("Comm").GetString()!;
        Assert.Equal(next.Comm, escaped);
        Assert.Equal(comm, DisplayText.Unescape(escaped));
    }

    /// <summary>Looked up anew for each event, or said by others already.</summary>
    private static readonly string[] s_leftOut =
        ["Timestamp", "ElapsedSeconds", "Endpoint", "RequestedEndpoint", "LocalEndpoint", "RemoteEndpoint", "ServiceName", "ProcessPath"];

    [Fact]
    public void Every_property_of_an_event_is_there_under_its_name()
    {
        foreach (BindEvent next in new[]
        {
            Made.Event(), Made.Event(error: 98, address: "::1", options: (BindOptions)31, interfaceIndex: 1), Made.Event(error: 9, address: null, protocol: 0),
        })
        {
            AssertSame(next, Write(next));
        }

        foreach (TraceEvent next in new TraceEvent[] { Made.Accept(), Made.Listen(), Made.Listen(error: 98, backlog: null), Made.Release(), Made.Release(state: TcpStates.Close, boundFor: null) })
        {
            MemorySink sink = new();
            OutputBuffer output = new(sink);
            new JsonWriter(output).Write(next);
            output.Flush();
            AssertSame(next, sink.Text);
        }
    }

    [Fact]
    public void Every_property_of_a_count_is_there_under_its_name()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        BindCount[] counts = [Made.Count("127.0.0.1", 80, 12345678901), Made.Count("::1", 443, 2, 17, 98)];
        new JsonWriter(output).WriteAll(counts, BindCount.Description);
        output.Flush();
        string[] lines = sink.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(counts.Length, lines.Length);
        for (int i = 0; i < counts.Length; i++)
        {
            AssertSame(counts[i], lines[i]);
        }
    }

    private static void AssertSame(object expected, string text)
    {
        using JsonDocument json = JsonDocument.Parse(text);
        PropertyInfo[] properties = [.. expected.GetType().GetProperties().Where(p => !s_leftOut.Contains(p.Name))];

        // In the same order: it is that of the columns which Export-Csv and ConvertTo-Json make of the object.
        Assert.Equal(json.RootElement.EnumerateObject().Select(p => p.Name), properties.Select(p => p.Name));
        foreach (PropertyInfo property in properties)
        {
            JsonElement value = json.RootElement.GetProperty(property.Name);
            switch (property.GetValue(expected))
            {
                case null:
                    Assert.Equal(JsonValueKind.Null, value.ValueKind);
                    break;
                case string s:
                    Assert.Equal(s, value.GetString());
                    break;
                case bool b:
                    Assert.Equal(b, value.GetBoolean());
                    break;
                case TimeSpan span:
                    Assert.Equal(span, TimeSpan.Parse(value.GetString()!, CultureInfo.InvariantCulture));
                    break;
                case DateTime time:
                    Assert.Equal(time, value.GetDateTime());
                    break;
                case BindOptions options:
                    Assert.Equal(options.ToString(), value.GetString());
                    break;
                case IConvertible number:
                    Assert.Equal(number.ToDecimal(null), value.GetDecimal());
                    break;
                case object other:
                    Assert.Fail($"{property.Name} is a {other.GetType()}.");
                    break;
            }
        }
    }

    private static string Write(BindEvent next)
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        new JsonWriter(output).Write(next);
        output.Flush();
        return sink.Text;
    }
}

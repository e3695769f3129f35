using BindSnoop.Cli.Output;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>When output is written.</summary>
[Trait("Build", "Any")]
public sealed class OutputBufferTests
{
    [Fact]
    public void A_terminal_gets_each_line_at_once()
    {
        MemorySink sink = new(isTerminal: true);
        OutputBuffer output = new(sink);
        output.Left("one", 0);
        Assert.Equal("", sink.Text);
        output.EndLine();
        Assert.Equal("one\n", sink.Text);
    }

    [Fact]
    public void A_pipe_gets_lines_together_and_whole()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        for (int i = 0; i < 100_000; i++)
        {
            output.Right(i, 9);
            output.EndLine();
        }

        Assert.EndsWith("\n", sink.Text, StringComparison.Ordinal);
        output.Flush();
        output.Flush();
        Assert.InRange(sink.Writes, 2, 20);
        Assert.Equal(string.Concat(Enumerable.Range(0, 100_000).Select(i => $"{i,9}\n")), sink.Text);
    }

    [Fact]
    public void A_line_longer_than_the_buffer_is_kept_whole()
    {
        MemorySink sink = new();
        OutputBuffer output = new(sink);
        string text = new('x', 1_000_000);
        output.Left(text, 0);
        output.EndLine();
        output.Flush();
        Assert.Equal(text + "\n", sink.Text);
    }
}

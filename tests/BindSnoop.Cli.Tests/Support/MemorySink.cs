using System.Text;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Tests;

/// <summary>Takes output down.</summary>
internal sealed class MemorySink(bool isTerminal = false) : IByteSink
{
    private readonly List<byte> _bytes = [];

    public bool IsTerminal { get; } = isTerminal;

    public int Writes { get; private set; }

    public string Text => Encoding.UTF8.GetString(_bytes.ToArray());

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
        {
            Writes++;
            _bytes.AddRange(bytes);
        }
    }
}

using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace BindSnoop.Cli.Output;

/// <summary>
/// Gathers lines and writes them together: each at once to a terminal, else whenever there is much, or
/// the tracer is about to wait.
/// </summary>
internal sealed class OutputBuffer(IByteSink sink) : IBufferWriter<byte>
{
    private const int FlushSize = 64 * 1024;

    private readonly bool _eachLine = sink.IsTerminal;
    private byte[] _bytes = new byte[2 * FlushSize];
    private int _length;

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_length);
    }

    /// <summary>A text of at most so many characters, then spaces up to the width: <c>%-WIDTH.MOSTs</c>.</summary>
    public void Left(string text, int width, int most = int.MaxValue)
    {
        int characters = Append(text, most);
        Spaces(width - characters);
    }

    /// <summary>Spaces up to the width, then the text: <c>%WIDTHs</c>.</summary>
    public void Right(string text, int width)
    {
        Spaces(width - text.Length);
        Append(text, int.MaxValue);
    }

    /// <summary>Spaces up to the width, then the number: <c>%WIDTHd</c>.</summary>
    public void Right(long value, int width)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(value, digits, out int length);
        Spaces(width - length);
        digits[..length].CopyTo(GetSpan(length));
        _length += length;
    }

    /// <summary>The number, then spaces up to the width: <c>%-WIDTHd</c>.</summary>
    public void Left(long value, int width) => Left(value.ToString(CultureInfo.InvariantCulture), width);

    /// <summary>So many spaces; none if that is less than one.</summary>
    public void Spaces(int count)
    {
        if (count > 0)
        {
            GetSpan(count)[..count].Fill((byte)' ');
            _length += count;
        }
    }

    /// <summary>One byte.</summary>
    public void Byte(byte value)
    {
        Reserve(1);
        _bytes[_length++] = value;
    }

    /// <summary>Ends a line, which may now be written.</summary>
    public void EndLine()
    {
        Byte((byte)'\n');
        if (_eachLine || _length >= FlushSize)
        {
            Flush();
        }
    }

    /// <summary>Writes everything buffered.</summary>
    public void Flush()
    {
        int length = _length;
        _length = 0;
        sink.Write(_bytes.AsSpan(0, length));
    }

    private int Append(string text, int most)
    {
        ReadOnlySpan<char> rest = text;
        if (Ascii.IsValid(rest))
        {
            rest = rest.Length > most ? rest[..most] : rest;
            Span<byte> room = GetSpan(rest.Length);
            _length += Encoding.ASCII.GetBytes(rest, room);
            return rest.Length;
        }

        int characters = 0;
        foreach (Rune rune in rest.EnumerateRunes())
        {
            if (characters == most)
            {
                break;
            }

            _length += rune.EncodeToUtf8(GetSpan(4));
            characters++;
        }

        return characters;
    }

    private void Reserve(int size)
    {
        size = Math.Max(size, 1);
        if (_bytes.Length - _length < size)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + size));
        }
    }
}

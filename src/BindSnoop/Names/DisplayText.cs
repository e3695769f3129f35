using System.Globalization;
using System.Text;

namespace BindSnoop;

/// <summary>
/// Turns text from the kernel, which any process can choose, into text that is safe to print and still
/// shows every byte: control characters, bidirectional overrides, invalid UTF-8 and the backslash become <c>\xNN</c>, <c>\u{NNNN}</c> and <c>\\</c>.
/// </summary>
public static class DisplayText
{
    /// <summary>Makes bytes readable.</summary>
    public static string Escape(ReadOnlySpan<byte> bytes)
    {
        if (IsPlain(bytes))
        {
            return Encoding.ASCII.GetString(bytes);
        }

        StringBuilder text = new();
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
            {
                Append(text, rune);
            }
            else
            {
                foreach (byte invalid in bytes[..length])
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{invalid:x2}");
                }
            }

            bytes = bytes[length..];
        }

        return text.ToString();
    }

    /// <summary>Makes a string readable, such as a parameter that is repeated in an error.</summary>
    public static string Escape(string text) => Escape(Encoding.UTF8.GetBytes(text));

    /// <summary>Makes text safe that may be readable already: what has to be escaped is, the backslash is left alone.</summary>
    internal static string EscapeUnsafe(string text) => Escape(text).Replace(@"\\", @"\", StringComparison.Ordinal);

    /// <summary>The reverse of <see cref="Escape(ReadOnlySpan{byte})"/>: the bytes that a readable text stands for.</summary>
    public static byte[] Unescape(string text)
    {
        List<byte> bytes = [];
        for (int i = 0; i < text.Length; i++)
        {
            ReadOnlySpan<char> rest = text.AsSpan(i);
            if (rest.StartsWith(@"\\"))
            {
                bytes.Add((byte)'\\');
                i++;
            }
            else if (rest.StartsWith(@"\x") && rest.Length >= 4 &&
                byte.TryParse(rest[2..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                bytes.Add(value);
                i += 3;
            }
            else if (rest.StartsWith(@"\u{") && rest.IndexOf('}') is > 3 and < 10 and int end &&
                int.TryParse(rest[3..end], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int scalar) &&
                Rune.TryCreate(scalar, out Rune escaped))
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(escaped.ToString()));
                i += end;
            }
            else
            {
                int length = char.IsHighSurrogate(text[i]) && i + 1 < text.Length ? 2 : 1;
                bytes.AddRange(Encoding.UTF8.GetBytes(text.Substring(i, length)));
                i += length - 1;
            }
        }

        return [.. bytes];
    }

    private static bool IsPlain(ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            if (b is < 0x20 or > 0x7e or (byte)'\\')
            {
                return false;
            }
        }

        return true;
    }

    private static void Append(StringBuilder text, Rune rune)
    {
        if (rune.Value == '\\')
        {
            text.Append(@"\\");
            return;
        }

        switch (Rune.GetUnicodeCategory(rune))
        {
            case UnicodeCategory.Control when rune.IsAscii:
                text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}");
                break;
            case UnicodeCategory.Control:
            case UnicodeCategory.Format:
            case UnicodeCategory.LineSeparator:
            case UnicodeCategory.ParagraphSeparator:
            case UnicodeCategory.PrivateUse:
            case UnicodeCategory.OtherNotAssigned:
                text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x4}}}");
                break;
            default:
                text.Append(rune.ToString());
                break;
        }
    }
}

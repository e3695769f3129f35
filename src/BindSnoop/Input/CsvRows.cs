using System.Text;

namespace BindSnoop.Input;

/// <summary>Reads the lines of CSV (RFC 4180), the first of which names the columns.</summary>
internal static class CsvRows
{
    // No line of ours comes near; what never ends is no reason to run out of memory.
    private const int MaxLine = 1 << 20;

    /// <summary>The lines after the first, each read when it is requested.</summary>
    /// <exception cref="FormatException">From there on it is not CSV.</exception>
    public static IEnumerable<InputRow> Read(TextReader text)
    {
        // Export-Csv -IncludeTypeInformation puts a line in front.
        List<string>? names = ReadLine(text);
        names = names is [['#', ..], ..] ? ReadLine(text) : names;
        Dictionary<string, int> columns = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < names?.Count; i++)
        {
            columns.TryAdd(names[i], i);
        }

        while (ReadLine(text) is { } line)
        {
            if (line is not [""])
            {
                yield return new Line(columns, line);
            }
        }
    }

    /// <summary>The values up to the next end of a line; null at the end.</summary>
    private static List<string>? ReadLine(TextReader text)
    {
        if (text.Peek() < 0)
        {
            return null;
        }

        List<string> values = [];
        StringBuilder value = new();
        bool isQuoted = false;
        for (int length = 0; ; length++)
        {
            int next = text.Read();
            if (length > MaxLine || (next < 0 && isQuoted))
            {
                throw new FormatException("a quotation mark is not closed, or a line is longer than a million characters.");
            }

            switch (next)
            {
                case '"' when isQuoted && text.Peek() == '"':
                    value.Append((char)text.Read());
                    break;
                case '"' when isQuoted || value.Length == 0:
                    isQuoted = !isQuoted;
                    break;
                case ',' when !isQuoted:
                    values.Add(value.ToString());
                    value.Clear();
                    break;
                case '\r' when !isQuoted && text.Peek() == '\n':
                    break;
                case '\n' or < 0 when !isQuoted:
                    values.Add(value.ToString());
                    return values;
                default:
                    value.Append((char)next);
                    break;
            }
        }
    }

    private sealed class Line(Dictionary<string, int> columns, List<string> values) : InputRow
    {
        /// <inheritdoc/>
        public override bool TryGet(string name, out object? value)
        {
            bool found = columns.TryGetValue(name, out int column) && column < values.Count;
            value = found ? values[column] : null;
            return found;
        }
    }
}

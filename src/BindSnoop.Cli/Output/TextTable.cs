using System.Globalization;

namespace BindSnoop.Cli.Output;

/// <summary>Text in columns: their headings, then a line for each thing.</summary>
internal sealed class TextTable<T> : IFieldReader
{
    // Of what is said of the line above.
    private const int Indent = 4;

    private readonly OutputBuffer _output;
    private readonly Description<T> _description;
    private readonly Cell[] _cells;
    private Cell _at;

    public TextTable(OutputBuffer output, Description<T> description, ColumnUse use)
    {
        _output = output;
        _description = description;
        TextColumn<T>[] columns = [.. description.ColumnsFor(use)];
        _cells = Array.ConvertAll(columns, c => new Cell(
            c, description.FieldOf(c), use.HasFlag(ColumnUse.Wide) ? c.Wide ?? c.Size : c.Size, c == columns[^1] ? 0 : c.Gap));
        _at = _cells[0];
    }

    /// <summary>All of a table.</summary>
    public void Write(IEnumerable<T> all)
    {
        WriteHeadings();
        foreach (T next in all)
        {
            WriteLine(next);
        }
    }

    /// <summary>The line of headings.</summary>
    public void WriteHeadings()
    {
        foreach (Cell cell in _cells)
        {
            string heading = _description.HeadingOf(cell.Column);
            if (cell.Column.HeadingIsRight ?? cell.Column.IsRight)
            {
                _output.Right(heading, cell.Size.Width);
            }
            else
            {
                _output.Left(heading, cell.Size.Width);
            }

            _output.Spaces(cell.Gap);
        }

        _output.EndLine();
    }

    /// <summary>One line, and a second of what is to be said of it.</summary>
    /// <param name="next">What to show.</param>
    /// <param name="first">The kernel's time of the first line, in microseconds, where there are such times.</param>
    public void WriteLine(T next, long first = 0)
    {
        foreach (Cell cell in _cells)
        {
            _at = cell;
            if (cell.Column.Cell is { } make)
            {
                Put(make(next, first));
            }
            else
            {
                cell.Field.Give(next, this);
            }

            _output.Spaces(cell.Gap);
        }

        _output.EndLine();

        if (_description.Note?.Invoke(next) is { } note)
        {
            _output.Spaces(Indent);
            _output.Left(note, 0);
            _output.EndLine();
        }
    }

    void IFieldReader.Text(Field field, string? value) => Put(value);

    void IFieldReader.Number(Field field, long value)
    {
        if (_at.Column.IsRight)
        {
            _output.Right(value, _at.Size.Width);
        }
        else
        {
            _output.Left(value, _at.Size.Width);
        }
    }

    void IFieldReader.Id(Field field, ulong value) => Put(value.ToString(CultureInfo.InvariantCulture));

    void IFieldReader.Flag(Field field, bool value) => Put(value ? "yes" : "no");

    void IFieldReader.Time(Field field, DateTime value) => Put(value.ToString("O", CultureInfo.InvariantCulture));

    void IFieldReader.Nothing(Field field) => Put(null);

    private void Put(string? text)
    {
        text ??= TextColumn.Nothing;
        if (_at.Column.IsRight)
        {
            _output.Right(text, _at.Size.Width);
        }
        else
        {
            _output.Left(text, _at.Size.Width, _at.Size.Most);
        }
    }

    /// <param name="Column">The column.</param>
    /// <param name="Field">What it shows.</param>
    /// <param name="Size">Its room.</param>
    /// <param name="Gap">The spaces behind it; none behind the last.</param>
    private sealed record Cell(TextColumn<T> Column, Field<T> Field, CellSize Size, int Gap);
}

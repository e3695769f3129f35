using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace BindSnoop.Cli.Top;

/// <summary>What the screen shows, and what keys do to it.</summary>
internal sealed class TopScreen(TopCounts counts)
{
    private const int FrameLines = 4;
    private const int NameWidth = 16;
    private const int LeastDetail = 8;
    private const long Million = 1_000_000;

    private static readonly (string Heading, int Width)[] s_columns = [("CALLS", 7), ("BINDS", 7), ("FAILED", 7), ("LISTEN", 7), ("ACCEPT", 7), ("LAST", 8)];

    private StringBuilder? _typing;
    private string _filter = "";
    private int _first;

    /// <summary>What rows stand for.</summary>
    public TopView View { get; set; }

    /// <summary>The column by which they are sorted.</summary>
    public TopColumn Order { get; set; }

    /// <summary>Whether the screen is paused; counting continues.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Whether the user has had enough.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>A key was hit.</summary>
    public void Press(ConsoleKeyInfo key)
    {
        if (_typing is not null)
        {
            Type(key);
            return;
        }

        switch (key.Key, char.ToLowerInvariant(key.KeyChar))
        {
            case (_, 'q'):
                HasEnded = true;
                break;
            case (_, 'p' or ' '):
                IsPaused = !IsPaused;
                break;
            case (ConsoleKey.Tab, _):
                View = (TopView)(((int)View + 1) % Enum.GetValues<TopView>().Length);
                _first = 0;
                break;
            case (_, 's'):
                Order = (TopColumn)(((int)Order + 1) % Enum.GetValues<TopColumn>().Length);
                break;
            case (_, '/'):
                _typing = new(_filter);
                break;
            case (_, 'c'):
                counts.Clear();
                _first = 0;
                break;
            case (ConsoleKey.DownArrow, _) or (_, 'j'):
                _first++;
                break;
            case (ConsoleKey.UpArrow, _) or (_, 'k'):
                _first--;
                break;
            case (ConsoleKey.Home, _):
                _first = 0;
                break;
            case (ConsoleKey.Escape, _):
                _filter = "";
                break;
        }
    }

    /// <summary>The lines of the screen, with colours if wanted; none is longer than the width, and there are as many as the height.</summary>
    public string Render(int width, int height, bool colors)
    {
        (IReadOnlyList<TopRow> rows, TopRow total, long forgotten) = counts.Read(View, Order, _filter);
        int room = Math.Max(1, height - FrameLines);
        _first = Math.Clamp(_first, 0, Math.Max(0, rows.Count - room));
        string[] table = Lines(Table(rows.Skip(_first).Take(room), width), width, colors);
        return string.Join('\n',
        [
            .. Lines(new Text(Fit(Head(total, rows.Count, forgotten), width), new Style(decoration: IsPaused ? Decoration.Invert : Decoration.Bold)), width, colors),
            counts.Lost > 0 ? Lines(new Text(Fit($"{counts.Lost} calls were lost", width), new Style(Color.Red, decoration: Decoration.Bold)), width, colors)[0] : "",
            .. table,
            .. Enumerable.Repeat("", Math.Max(0, room + 1 - table.Length)),
            .. Lines(new Text(Fit(Foot(), width), new Style(decoration: Decoration.Dim)), width, colors),
        ]);
    }

    private static string[] Lines(IRenderable what, int width, bool colors)
    {
        using StringWriter text = new(CultureInfo.InvariantCulture);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = colors ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = colors ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = width;
        console.Write(what);
        return text.ToString().TrimEnd('\n', '\r').ReplaceLineEndings("\n").Split('\n');
    }

    /// <summary>Cut to a number of columns, in which some characters take two.</summary>
    private static string Fit(string text, int width) =>
        text.GetCellWidth() <= width ? text : $"{Segment.Truncate(new Segment(text), Math.Max(1, width - 1))?.Text}…";

    private static string Number(long value) => value < 10 * Million
        ? value.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{value / Million}M");

    private static TableColumn Column(string heading, int width) =>
        new(new Text(heading, new Style(decoration: Decoration.Underline))) { Width = width, NoWrap = true, Padding = new Padding(0, 0, 1, 0) };

    private Table Table(IEnumerable<TopRow> rows, int width)
    {
        // As many as there is room for.
        int left = width - NameWidth - 1;
        int columns = 0;
        while (columns < s_columns.Length && left > s_columns[columns].Width)
        {
            left -= s_columns[columns++].Width + 1;
        }

        int detail = columns == s_columns.Length && left > LeastDetail ? left - 1 : 0;
        Table table = new Table().NoBorder().Collapse();
        table.AddColumn(Column($"{View.ToString().ToUpperInvariant()}{(Order == TopColumn.Name ? "*" : "")}", NameWidth));
        for (int i = 0; i < columns; i++)
        {
            table.AddColumn(Column($"{s_columns[i].Heading}{((int)Order == i ? "*" : "")}", s_columns[i].Width).RightAligned());
        }

        if (detail > 0)
        {
            table.AddColumn(Column(View == TopView.Port ? "BY" : "FOR", detail));
        }

        foreach (TopRow row in rows)
        {
            List<IRenderable> cells = [new Text(Fit(row.Name, NameWidth))];
            for (int i = 0; i < columns; i++)
            {
                bool isBad = i == (int)TopColumn.Failed && row.Counts[i] > 0;
                cells.Add(i < row.Counts.Length
                    ? new Text(Number(row.Counts[i]), isBad ? new Style(Color.Red) : Style.Plain)
                    : new Text(row.Last.ToString("HH:mm:ss", CultureInfo.InvariantCulture)));
            }

            if (detail > 0)
            {
                cells.Add(new Text(Fit(row.Detail, detail)));
            }

            table.AddRow(cells);
        }

        return table;
    }

    private string Head(TopRow total, int rows, long forgotten) => string.Create(
        CultureInfo.InvariantCulture,
        $"bindsnoop top: {total.Counts[(int)TopColumn.Calls]} calls, {rows} {(rows == 1 ? "row" : "rows")}{(forgotten > 0 ? $", {forgotten} calls of rare names not shown" : "")}{(IsPaused ? " - PAUSED" : "")}{(_filter.Length > 0 ? $" - only '{_filter}'" : "")}");

    private string Foot() => _typing is { } typing
        ? $"Show only: {typing}_  (Enter: do so, Esc: show all)"
        : "q quit  p pause  Tab programs/ports/containers  s sort  / filter  c clear";

    private void Type(ConsoleKeyInfo key)
    {
        const int MostTyped = 40;
        switch (key.Key)
        {
            case ConsoleKey.Enter:
                _filter = _typing!.ToString();
                _typing = null;
                _first = 0;
                break;
            case ConsoleKey.Escape:
                _filter = "";
                _typing = null;
                break;
            case ConsoleKey.Backspace:
                _typing!.Length = Math.Max(0, _typing.Length - 1);
                break;
            default:
                if (!char.IsControl(key.KeyChar) && !char.IsSurrogate(key.KeyChar) && _typing!.Length < MostTyped)
                {
                    _typing.Append(key.KeyChar);
                }

                break;
        }
    }
}

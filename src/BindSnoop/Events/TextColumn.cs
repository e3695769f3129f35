using System.Globalization;

namespace BindSnoop;

/// <summary>When a text column is shown: if everything that it requires is requested.</summary>
[Flags]
internal enum ColumnUse
{
    /// <summary>Always.</summary>
    Always = 0,

    /// <summary>The time of day is requested.</summary>
    TimeOfDay = 1,

    /// <summary>The time since the first line is requested.</summary>
    Seconds = 2,

    /// <summary>Users are requested.</summary>
    Uid = 4,

    /// <summary>Failures are requested.</summary>
    Errors = 8,

    /// <summary>The columns are narrow.</summary>
    Narrow = 16,

    /// <summary>The columns are wide.</summary>
    Wide = 32,

    /// <summary>One moment is asked about.</summary>
    Moment = 64,

    /// <summary>A span of time is asked about.</summary>
    Span = 128,
}

/// <summary>How much room a cell has.</summary>
/// <param name="Width">How far it is filled up with spaces.</param>
/// <param name="Most">How many characters of a text are shown.</param>
internal readonly record struct CellSize(int Width, int Most = int.MaxValue);

/// <summary>A column of text.</summary>
/// <param name="field">The name of the field that it shows.</param>
/// <param name="size">How much room it has.</param>
internal sealed class TextColumn<T>(string field, CellSize size)
{
    /// <summary>A column that is as wide as that, and cuts nothing off.</summary>
    public TextColumn(string field, int width)
        : this(field, new CellSize(width))
    {
    }

    /// <summary>The name of the field that it shows.</summary>
    public string Field { get; } = field;

    /// <summary>How much room it has.</summary>
    public CellSize Size { get; } = size;

    /// <summary>The same where columns are wide, if that differs.</summary>
    public CellSize? Wide { get; init; }

    /// <summary>When it is there.</summary>
    public ColumnUse Use { get; init; }

    /// <summary>What stands above it, if not the field's heading.</summary>
    public string? Heading { get; init; }

    /// <summary>Whether the spaces come first.</summary>
    public bool IsRight { get; init; }

    /// <summary>The same of the heading, if that differs.</summary>
    public bool? HeadingIsRight { get; init; }

    /// <summary>How many spaces are between it and the next.</summary>
    public int Gap { get; init; } = 1;

    /// <summary>What it shows instead of the field's value; null shows nothing. The second value is the kernel's time of the first line, in microseconds.</summary>
    public Func<T, long, string?>? Cell { get; init; }
}

/// <summary>What cells of several kinds of events show.</summary>
internal static class TextColumn
{
    /// <summary>Stands for a value that the call did not give.</summary>
    public const string Nothing = "-";

    /// <summary>Seconds since the first line, of microseconds that are cut off, as the classic tools have them.</summary>
    public static string Seconds(TraceEvent next, long first, int decimals) =>
        ((next.KernelTime / 1000 - first) / 1e6).ToString($"F{decimals}", CultureInfo.InvariantCulture);

    /// <summary>What the call returned.</summary>
    public static string ReturnValue(TraceEvent next, long first) => (-next.ErrorCode).ToString(CultureInfo.InvariantCulture);
}

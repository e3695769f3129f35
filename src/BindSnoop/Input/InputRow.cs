using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace BindSnoop.Input;

/// <summary>
/// Something with named values: an emitted object, or the same object read back from JSON, CSV or a pipeline.
/// Nothing that it says is trusted.
/// </summary>
internal abstract class InputRow
{
    // Any other text can be read in more than one way: Export-Csv writes times as the culture of its session has it,
    // with day or month first, and in its calendar.
    private static readonly string[] s_timeFormats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"];

    /// <summary>What errors name as the object at fault.</summary>
    public virtual object? Target => this;

    /// <summary>The value of that name, in any case of letters; null is a value, too.</summary>
    public abstract bool TryGet(string name, out object? value);

    /// <summary>Things with values of their own; none where the form of the record has no such thing.</summary>
    public virtual IReadOnlyList<InputRow> Items(string name) => [];

    /// <summary>Whether there is a value of that name.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>The value as text that is safe to print; null if there is none.</summary>
    public string? Text(string name) => TryGet(name, out object? value) ? Print(value) : null;

    /// <summary>A whole number that is not negative; null if there is none.</summary>
    public long? Number(string name) =>
        long.TryParse(Text(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    /// <summary>Whether the value is true, as JSON or as CSV has it.</summary>
    public bool Flag(string name) => bool.TryParse(Text(name), out bool value) && value;

    /// <summary>A moment, in local time, if it is said without a doubt.</summary>
    public DateTime? Moment(string name)
    {
        TryGet(name, out object? value);
        return value switch
        {
            // Without a kind it is a local one, as everywhere in PowerShell.
            DateTime { Kind: DateTimeKind.Unspecified } time => DateTime.SpecifyKind(time, DateTimeKind.Local),
            DateTime time => time.ToLocalTime(),
            DateTimeOffset time => time.LocalDateTime,
            string text when DateTimeOffset.TryParseExact(
                text, s_timeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) => time.LocalDateTime,
            _ => null,
        };
    }

    /// <summary>A value as text that is safe to print.</summary>
    [return: NotNullIfNotNull(nameof(value))]
    public static string? Print(object? value) =>
        value is null ? null : DisplayText.EscapeUnsafe(string.Create(CultureInfo.InvariantCulture, $"{value}"));
}

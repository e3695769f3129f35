using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace BindSnoop.Reports;

/// <summary>HTML in the making: what is interpolated is encoded, only what the source spells out is markup.</summary>
internal sealed class Html
{
    private readonly StringBuilder _text = new();

    /// <summary>Appends markup with values in it.</summary>
    public void Add(Markup markup) => _text.Append(markup.Text);

    /// <summary>Appends what is no value of anybody's, such as a script of ours.</summary>
    public void AddOwn(string markup) => _text.Append(markup);

    public override string ToString() => _text.ToString();

    /// <summary>Encodes values as they are appended.</summary>
    [InterpolatedStringHandler]
    public readonly struct Markup(int literalLength, int formattedCount)
    {
        private const int LengthOfValue = 16;

        /// <summary>The markup so far.</summary>
        public StringBuilder Text { get; } = new(literalLength + (formattedCount * LengthOfValue));

        public void AppendLiteral(string markup) => Text.Append(markup);

        public void AppendFormatted(string? value) => Text.Append(HtmlEncoder.Default.Encode(value ?? ""));

        public void AppendFormatted(long value) => Text.Append(value.ToString("N0", CultureInfo.InvariantCulture));

        public void AppendFormatted(long value, string format) => Text.Append(value.ToString(format, CultureInfo.InvariantCulture));

        public void AppendFormatted(double value, string format) => Text.Append(value.ToString(format, CultureInfo.InvariantCulture));
    }
}

using System.Globalization;

namespace BindSnoop;

/// <summary>A port or an inclusive range of ports, written <c>80</c> or <c>8000-8999</c>.</summary>
public readonly record struct PortRange
{
    /// <summary>Creates a range.</summary>
    /// <exception cref="TraceException"><c>InvalidPort</c>: the first is greater than the last.</exception>
    public PortRange(ushort first, ushort last)
    {
        if (first > last)
        {
            throw Invalid($"{first}-{last}");
        }

        First = first;
        Last = last;
    }

    /// <summary>The lowest port.</summary>
    public ushort First { get; }

    /// <summary>The highest port.</summary>
    public ushort Last { get; }

    /// <summary>Reads <c>80</c> or <c>8000-8999</c>.</summary>
    /// <exception cref="TraceException"><c>InvalidPort</c>.</exception>
    public static PortRange Parse(string text)
    {
        string trimmed = text.Trim();
        int dash = trimmed.IndexOf('-', StringComparison.Ordinal);
        string first = dash < 0 ? trimmed : trimmed[..dash];
        string last = dash < 0 ? trimmed : trimmed[(dash + 1)..];
        return TryParsePort(first, out ushort low) && TryParsePort(last, out ushort high) && low <= high
            ? new PortRange(low, high)
            : throw Invalid(text);
    }

    internal bool Contains(int port) => port >= First && port <= Last;

    /// <inheritdoc/>
    public override string ToString() =>
        First == Last ? First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}");

    private static bool TryParsePort(string text, out ushort port) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);

    private static TraceException Invalid(string text) =>
        new(
            "InvalidPort",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is not a port or a range of ports.",
            "Give a port from 0 to 65535, or a range such as 8000-8999, the lower one first.",
            text);
}

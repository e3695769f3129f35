using System.CommandLine;
using System.Globalization;

namespace BindSnoop.Cli.Commands;

/// <summary>The options that say how to trace, and for how long.</summary>
internal sealed class RunOptions
{
    private static readonly string[] s_backends = [.. Enum.GetNames<Backend>().Select(n => n.ToLowerInvariant()).Order(StringComparer.Ordinal)];
    private static readonly string s_backendList = $"{string.Join(", ", s_backends[..^1])} or {s_backends[^1]}";

    private readonly Option<string?> _duration = Value("--duration", "SECONDS", "End after this time; fractions are possible");
    private readonly Option<string?> _maxEvents = Value("--max-events", "NUMBER", "End after this many events");
    private readonly Option<string?> _backend = Value("--backend", "NAME", $"Back end: auto (the default){s_backendList[s_backends[0].Length..]}", s_backends);
    private readonly Option<string?> _bufferSize = Value("--buffer-size", "BYTES", "Size of the event buffer, a power of two; K and M may follow (default 8M)");

    private readonly Option<bool> _verbose = new("--verbose") { Description = "Show which back ends were tried, and libbpf's messages" };

    public void AddTo(Command command, bool printsEvents = true)
    {
        Option[] options = [_duration, .. printsEvents ? [_maxEvents] : Array.Empty<Option>(), _backend, _bufferSize, _verbose];
        foreach (Option option in options)
        {
            command.Add(option);
        }
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    public TraceOptions Read(ParseResult parsed, TraceFilter filter) => new()
    {
        Filter = filter,
        Backend = Read(parsed, _backend, ParseBackend, Backend.Auto),
        BufferSize = Read(parsed, _bufferSize, ParseSize, TraceOptions.DefaultBufferSize),
    };

    /// <summary>How long to trace; null: without end.</summary>
    public TimeSpan? ReadDuration(ParseResult parsed) => Read<TimeSpan?>(parsed, _duration, text => ParseDuration(text), null);

    /// <summary>How many events to print at most.</summary>
    public long ReadMaxEvents(ParseResult parsed) => Read(parsed, _maxEvents, text => ParseEvents("InvalidMaxEvents", text, long.MaxValue), long.MaxValue);

    /// <summary>Whether to show how it was attached.</summary>
    public bool ReadVerbose(ParseResult parsed) => parsed.GetValue(_verbose);

    /// <summary>An option that takes one value.</summary>
    public static Option<string?> Value(string name, string valueName, string description, params string[] values)
    {
        Option<string?> option = new(name) { HelpName = valueName, Description = description };
        option.CompletionSources.Add(values);
        return option;
    }

    /// <summary>Its value.</summary>
    /// <exception cref="UsageException">It is wrong.</exception>
    public static T Read<T>(ParseResult parsed, Option<string?> option, Func<string, T> parse, T otherwise) =>
        parsed.GetValue(option) is { } text ? UsageException.For(parse, text) : otherwise;

    /// <summary>Reads a time in seconds.</summary>
    public static TimeSpan ParseDuration(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && double.IsFinite(seconds)
            ? TraceDuration.Check(TraceDuration.FromSeconds(seconds))
            : throw Invalid("InvalidDuration", text, "a time in seconds", "Give a number such as 10 or 0.5.");

    /// <summary>Reads a number of events.</summary>
    public static long ParseEvents(string errorId, string text, long most) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > 0 && number <= most
            ? number
            : throw Invalid(errorId, text, "a possible number of events", string.Create(CultureInfo.InvariantCulture, $"Give a number from 1 to {most}."));

    private static Backend ParseBackend(string text) =>
        Array.Exists(s_backends, name => name.Equals(text, StringComparison.OrdinalIgnoreCase))
            ? Enum.Parse<Backend>(text, ignoreCase: true)
            : throw Invalid("InvalidBackend", text, "a back end", $"Give {s_backendList}.");

    private static int ParseSize(string text)
    {
        (string digits, int unit) = text.ToUpperInvariant() switch
        {
            [.. string number, 'K'] => (number, 1024),
            [.. string number, 'M'] => (number, 1024 * 1024),
            string number => (number, 1),
        };
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size <= int.MaxValue / unit
            ? size * unit
            : throw Invalid("InvalidBufferSize", text, "a size", "Give a power of two such as 65536, 512K or 16M.");
    }

    /// <summary>The error for a wrong value.</summary>
    public static TraceException Invalid(string errorId, string text, string what, string remedy) =>
        new(errorId, TraceErrorKind.InvalidArgument, $"'{DisplayText.Escape(text)}' is not {what}.", remedy, text);
}

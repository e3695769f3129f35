using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>The options that count calls instead of printing them.</summary>
internal sealed class CountOptions
{
    private static readonly string[] s_groups = [.. Enum.GetNames<CountGroup>().Select(n => n.ToLowerInvariant())];

    private readonly Option<bool> _count = new("--count") { Description = "Count per address and port, in the kernel; print the counts at the end" };

    private readonly Option<string[]> _groupBy = FilterOptions.List(
        "--group-by", "WHAT", $"With --count: sum by {string.Join(", ", s_groups[..^1])} or {s_groups[^1]} (a comma-separated list)", values: s_groups);

    public void AddTo(Command command)
    {
        command.Add(_count);
        command.Add(_groupBy);
    }

    /// <summary>Whether calls are to be counted.</summary>
    /// <exception cref="UsageException">They are to be grouped and not counted.</exception>
    public bool IsAsked(ParseResult parsed)
    {
        bool isAsked = parsed.GetValue(_count);
        if (!isAsked && parsed.GetValue(_groupBy) is { Length: > 0 })
        {
            throw new UsageException(new TraceException(
                "GroupByWithoutCount",
                TraceErrorKind.InvalidArgument,
                "--group-by has no effect without --count.",
                "Add --count."));
        }

        return isAsked;
    }

    /// <summary>What to sum by.</summary>
    /// <exception cref="UsageException">A value is wrong.</exception>
    public IReadOnlyList<CountGroup> ReadGroups(ParseResult parsed) => [.. FilterOptions.Values(parsed, _groupBy, ParseGroup).Distinct()];

    /// <summary>Reads the counts of a counter, and gives what prints them.</summary>
    /// <param name="options">What is counted.</param>
    /// <param name="output">Where they go.</param>
    /// <param name="maxEvents">How many events to print at most.</param>
    /// <param name="json">As JSON.</param>
    /// <param name="heading">What stands above them.</param>
    /// <exception cref="UsageException">Something is asked for that counts do not have.</exception>
    public static Func<BindCounter, Action> Writer(TraceOptions options, OutputBuffer output, long maxEvents, bool json, string heading)
    {
        if (maxEvents != long.MaxValue)
        {
            throw new UsageException(new TraceException(
                "MaxEventsWithCount",
                TraceErrorKind.InvalidArgument,
                "--max-events cannot be combined with --count.",
                "Use --duration instead."));
        }

        if (options.Explain)
        {
            throw new UsageException(new TraceException(
                "ExplainWithCount",
                TraceErrorKind.InvalidArgument,
                "--explain cannot be combined with --count.",
                "Use only one of them; 'bindsnoop why PORT' explains why a port cannot be bound."));
        }

        return options.GroupBy.Count == 0
            ? Prepare(c => c.Read(), BindCount.Description, new CountTextWriter(output, heading).Write)
            : Prepare(c => c.ReadGroups(), BindCountGroup.Description, new CountGroupTextWriter(output, heading, options).Write);

        Func<BindCounter, Action> Prepare<T>(Func<BindCounter, IReadOnlyList<T>> read, Description<T> description, Action<IReadOnlyList<T>> writeText) => counter =>
        {
            IReadOnlyList<T> counts = read(counter);
            return json ? () => new JsonWriter(output).WriteAll(counts, description) : () => writeText(counts);
        };
    }

    private static CountGroup ParseGroup(string text) =>
        Array.Exists(s_groups, name => name.Equals(text, StringComparison.OrdinalIgnoreCase))
            ? Enum.Parse<CountGroup>(text, ignoreCase: true)
            : throw RunOptions.Invalid("InvalidCountGroup", text, "something to group by", $"Give {string.Join(", ", s_groups[..^1])} or {s_groups[^1]}.");
}

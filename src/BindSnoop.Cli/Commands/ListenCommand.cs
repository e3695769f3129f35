using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop listen</c>: calls of listen(), as bcc's solisten shows them.</summary>
internal sealed class ListenCommand
{
    private readonly Option<bool> _timestamp = new("--timestamp", "-t") { Description = "Print the time in seconds since the first event" };
    private readonly Option<bool> _wide = new("--wide", "-w") { Description = "More columns: the limit of the backlog, socket options, error texts" };
    private readonly Option<bool> _errors = new("--errors", "-E") { Description = "Also show failed calls, with their results" };
    private readonly Option<bool> _explain = new("--explain") { Description = "Explain failures: who is in the way, and what would help (implies -E)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line" };
    private readonly CountOptions _count = new();
    private readonly FilterOptions _filter = new(FilteredCall.Listen);
    private readonly RunOptions _run = new();
    private readonly ExportOptions _export = new();

    private ListenCommand()
    {
    }

    public static Command Create()
    {
        ListenCommand listen = new();
        Command command = new("listen", "Trace calls of listen(): which process listens on which address and port");
        foreach (Option option in new Option[] { listen._timestamp, listen._wide, listen._errors, listen._explain, listen._json })
        {
            command.Add(option);
        }

        listen._count.AddTo(command);
        listen._filter.AddTo(command);
        listen._run.AddTo(command);
        listen._export.AddTo(command);
        command.SetAction(listen.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        bool explain = parsed.GetValue(_explain);
        bool errors = explain || parsed.GetValue(_errors);
        TraceOptions options = _run.Read(parsed, _filter.Read(parsed, errors)) with { Explain = explain, GroupBy = _count.ReadGroups(parsed) };
        long maxEvents = _run.ReadMaxEvents(parsed);
        bool json = parsed.GetValue(_json);
        OutputBuffer output = new(StandardStream.Output);
        TraceRun run = new("listens", _run.ReadDuration(parsed), _run.ReadVerbose(parsed), _export.Read(parsed));
        if (_count.IsAsked(parsed))
        {
            return run.Count(() => new BindCounter(options, CountedCall.Listen), output, CountOptions.Writer(options, output, maxEvents, json, "LISTENS"));
        }

        IEventWriter<ListenEvent> writer = json
            ? new JsonWriter(output)
            : new EventTextWriter<ListenEvent>(
                output,
                ListenEvent.Definition,
                (parsed.GetValue(_timestamp) ? ColumnUse.Seconds : 0) |
                (errors ? ColumnUse.Errors : 0) |
                (parsed.GetValue(_wide) ? ColumnUse.Wide : ColumnUse.Narrow));
        ListenTracer? tracer = null;
        int status = run.Trace(() => tracer = new ListenTracer(options), output, writer, maxEvents);
        TraceRun.WriteNotExplained(tracer?.NotExplained ?? 0, "listens");
        return status;
    }
}

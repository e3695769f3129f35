using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>The root command: traces or counts calls of bind().</summary>
internal sealed class BindCommand
{
    private readonly Option<bool> _timestamp = new("--timestamp", "-t") { Description = "Print the time in seconds since the first event" };
    private readonly Option<bool> _wide = new("--wide", "-w") { Description = "Wide columns, for IPv6 addresses and error texts" };
    private readonly Option<bool> _errors = new("--errors", "-E") { Description = "Also show failed calls, with their results" };
    private readonly Option<bool> _printUid = new("--print-uid", "-U") { Description = "Print the user id" };
    private readonly Option<bool> _existing = new("--existing") { Description = "First show the sockets that are already bound" };
    private readonly Option<bool> _explain = new("--explain") { Description = "Explain failures: who is in the way, and what would help (implies -E)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line" };
    private readonly CountOptions _count = new();
    private readonly FilterOptions _filter = new(FilteredCall.Bind);
    private readonly RunOptions _run = new();
    private readonly ExportOptions _export = new();

    private BindCommand()
    {
    }

    public static Command Create(string name)
    {
        BindCommand bind = new();
        Command command = new(name, "Trace calls of bind(): which process bound which address and port, and which failed");
        foreach (Option option in new Option[] { bind._timestamp, bind._wide, bind._errors, bind._printUid, bind._existing, bind._explain, bind._json })
        {
            command.Add(option);
        }

        bind._count.AddTo(command);
        bind._filter.AddTo(command);
        bind._run.AddTo(command);
        bind._export.AddTo(command);
        command.SetAction(bind.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        bool explain = parsed.GetValue(_explain);
        bool errors = explain || parsed.GetValue(_errors);
        TraceOptions options = _run.Read(parsed, _filter.Read(parsed, errors)) with
        {
            IncludeExisting = parsed.GetValue(_existing),
            Explain = explain,
            GroupBy = _count.ReadGroups(parsed),
        };
        TimeSpan? duration = _run.ReadDuration(parsed);
        long maxEvents = _run.ReadMaxEvents(parsed);
        bool json = parsed.GetValue(_json);
        TraceRun run = new("binds", duration, _run.ReadVerbose(parsed), _export.Read(parsed));
        OutputBuffer output = new(StandardStream.Output);
        if (_count.IsAsked(parsed))
        {
            if (options.IncludeExisting)
            {
                throw new UsageException(new TraceException(
                    "ExistingWithCount",
                    TraceErrorKind.InvalidArgument,
                    "--existing cannot be combined with --count.",
                    "'bindsnoop sockets' lists the sockets that are already bound."));
            }

            return run.Count(() => new BindCounter(options), output, CountOptions.Writer(options, output, maxEvents, json, "BINDS"));
        }

        IEventWriter<BindEvent> writer = json
            ? new JsonWriter(output)
            : new EventTextWriter<BindEvent>(
                output,
                BindEvent.Definition,
                (parsed.GetValue(_timestamp) ? ColumnUse.Seconds : 0) |
                (parsed.GetValue(_printUid) ? ColumnUse.Uid : 0) |
                (errors ? ColumnUse.Errors : 0) |
                (parsed.GetValue(_wide) ? ColumnUse.Wide : ColumnUse.Narrow));
        BindTracer? tracer = null;
        int status = run.Trace(() => tracer = Attach(options), output, writer, maxEvents);
        TraceRun.WriteNotExplained(tracer?.NotExplained ?? 0, "binds");
        return status;
    }

    private static BindTracer Attach(TraceOptions options)
    {
        BindTracer tracer = new(options);
        foreach (string unseen in tracer.Unseen)
        {
            Messages.Write(unseen);
        }

        return tracer;
    }
}

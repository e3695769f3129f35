using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop accept</c>: TCP connections as processes accept them, as bcc's tcpaccept shows them.</summary>
internal sealed class AcceptCommand
{
    private readonly Option<bool> _time = new("--time", "-T") { Description = "Print the time of day (HH:MM:SS)" };
    private readonly Option<bool> _timestamp = new("--timestamp", "-t") { Description = "Print the time in seconds since the first event" };
    private readonly Option<bool> _errors = new("--errors", "-E") { Description = "Also show failed calls, with their results" };
    private readonly Option<bool> _wouldBlock = new("--would-block") { Description = "With -E: also calls that found no connection waiting (EAGAIN)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line" };
    private readonly FilterOptions _filter = new(FilteredCall.Accept);
    private readonly RunOptions _run = new();
    private readonly ExportOptions _export = new();

    private AcceptCommand()
    {
    }

    public static Command Create()
    {
        AcceptCommand accept = new();
        Command command = new("accept", "Trace TCP connections as processes accept them");
        foreach (Option option in new Option[] { accept._time, accept._timestamp, accept._errors, accept._wouldBlock, accept._json })
        {
            command.Add(option);
        }

        accept._filter.AddTo(command);
        accept._run.AddTo(command);
        accept._export.AddTo(command);
        command.SetAction(accept.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        bool errors = parsed.GetValue(_errors);
        TraceFilter filter = _filter.Read(parsed, errors) with { IncludeWouldBlock = parsed.GetValue(_wouldBlock) };
        TraceOptions options = _run.Read(parsed, filter);
        OutputBuffer output = new(StandardStream.Output);
        IEventWriter<AcceptEvent> writer = parsed.GetValue(_json)
            ? new JsonWriter(output)
            : new EventTextWriter<AcceptEvent>(
                output,
                AcceptEvent.Definition,
                (parsed.GetValue(_time) ? ColumnUse.TimeOfDay : 0) |
                (parsed.GetValue(_timestamp) ? ColumnUse.Seconds : 0) |
                (errors ? ColumnUse.Errors : 0) |
                ColumnUse.Narrow);
        TraceRun run = new("accepts", _run.ReadDuration(parsed), _run.ReadVerbose(parsed), _export.Read(parsed));
        return run.Trace(() => new AcceptTracer(options), output, writer, _run.ReadMaxEvents(parsed));
    }
}

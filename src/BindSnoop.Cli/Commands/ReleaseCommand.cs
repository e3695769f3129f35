using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop release</c>: ports that bound sockets release.</summary>
internal sealed class ReleaseCommand
{
    private readonly Option<bool> _timestamp = new("--timestamp", "-t") { Description = "Print the time in seconds since the first event" };
    private readonly Option<bool> _wide = new("--wide", "-w") { Description = "More columns: network namespaces and socket options" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line" };
    private readonly FilterOptions _filter = new(FilteredCall.Release);
    private readonly RunOptions _run = new();
    private readonly ExportOptions _export = new();

    private ReleaseCommand()
    {
    }

    public static Command Create()
    {
        ReleaseCommand release = new();
        Command command = new("release", "Trace released ports: which process released which port, and how long it was bound")
        {
            release._timestamp, release._wide, release._json,
        };
        release._filter.AddTo(command);
        release._run.AddTo(command);
        release._export.AddTo(command);
        command.SetAction(release.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        TraceOptions options = _run.Read(parsed, _filter.Read(parsed, includeError: false));
        OutputBuffer output = new(StandardStream.Output);
        ColumnUse columns = (parsed.GetValue(_timestamp) ? ColumnUse.Seconds : 0) | (parsed.GetValue(_wide) ? ColumnUse.Wide : ColumnUse.Narrow);
        IEventWriter<ReleaseEvent> writer = parsed.GetValue(_json)
            ? new JsonWriter(output)
            : new EventTextWriter<ReleaseEvent>(output, ReleaseEvent.Definition, columns);
        TraceRun run = new("releases", _run.ReadDuration(parsed), _run.ReadVerbose(parsed), _export.Read(parsed));
        return run.Trace(() => new ReleaseTracer(options), output, writer, _run.ReadMaxEvents(parsed));
    }
}

using System.CommandLine;
using System.Globalization;
using BindSnoop.Cli.Output;
using BindSnoop.Records;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop record FILE</c>: keeps what happens, for <c>bindsnoop find</c>.</summary>
internal sealed class RecordCommand
{
    private const int DefaultDays = 30;
    private const int MostDays = 3650;
    private const int DefaultMegabytes = 1024;
    private const int MostMegabytes = 1 << 20;

    private readonly Argument<string> _file = new("FILE") { Description = "The record; created if it does not exist" };
    private readonly Option<string?> _days = RunOptions.Value("--keep-days", "DAYS", $"Remove entries older than this (default {DefaultDays})");
    private readonly Option<string?> _megabytes = RunOptions.Value("--keep-mb", "MEGABYTES", $"Remove the oldest entries beyond this size (default {DefaultMegabytes})");
    private readonly RunOptions _run = new();

    private RecordCommand()
    {
    }

    public static Command Create()
    {
        RecordCommand record = new();
        Command command = new("record", "Record binds, failures, listens and releases in a file, for 'bindsnoop find'") { record._file, record._days, record._megabytes };
        record._run.AddTo(command, printsEvents: false);
        command.SetAction(record.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        string file = parsed.GetValue(_file)!;
        RecordLimits limits = new(
            TimeSpan.FromDays(RunOptions.Read(parsed, _days, text => ParseNumber("InvalidKeepDays", text, "a possible number of days", 1, MostDays), DefaultDays)),
            RunOptions.Read(
                parsed, _megabytes, text => ParseNumber("InvalidKeepMegabytes", text, "a possible number of megabytes", (int)(RecordLimits.LeastBytes >> 20), MostMegabytes), DefaultMegabytes) << 20);
        TraceOptions options = _run.Read(parsed, new TraceFilter());
        TimeSpan? duration = _run.ReadDuration(parsed);
        using Termination termination = new();
        using BindRecorder recorder = TraceRun.Attached(() => new BindRecorder(file, limits, options), _run.ReadVerbose(parsed));
        recorder.OnWarning = TraceRun.Warn;
        termination.OnRequest(recorder.Stop);
        TraceRun.Announce("binds and listens", duration, recorder.Backend, recorder.Blind, recorder.Proofs, recorder.Refusals, _run.ReadVerbose(parsed));
        try
        {
            recorder.Run(duration);
        }
        finally
        {
            termination.OnRequest(null);
        }

        return ExitStatus.Success;
    }

    private static long ParseNumber(string errorId, string text, string what, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw RunOptions.Invalid(errorId, text, what, string.Create(CultureInfo.InvariantCulture, $"Give a number from {least} to {most}."));
}

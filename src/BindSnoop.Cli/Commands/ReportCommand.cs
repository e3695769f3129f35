using System.CommandLine;
using BindSnoop.Cli.Output;
using BindSnoop.Records;
using BindSnoop.Reports;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop report</c>: a page about events, counts and sockets.</summary>
internal sealed class ReportCommand
{
    private const string StandardInput = "-";

    private readonly Argument<string[]> _files = new("FILE") { HelpName = "FILE", Arity = ArgumentArity.ZeroOrMore, Description = "JSON or CSV from BindSnoop, or files of 'bindsnoop record'; - is standard input. Without files: the sockets that are bound now" };
    private readonly Option<string?> _output = RunOptions.Value("--output", "FILE", "Write the page to this file instead of standard output");
    private readonly Option<string?> _policy = RunOptions.Value("--policy", "FILE", "Show what this policy (JSON) does not allow");
    private readonly Option<string?> _title = RunOptions.Value("--title", "TEXT", "The title of the page");
    private readonly Option<bool> _sockets = new("--sockets") { Description = "Also show the sockets that are bound now" };

    private ReportCommand()
    {
        _output.Aliases.Add("-o");
    }

    public static Command Create()
    {
        ReportCommand report = new();
        Command command = new("report", "Create an HTML page of events, counts, sockets and records") { report._files, report._output, report._policy, report._title, report._sockets };
        command.SetAction(report.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        string[] files = parsed.GetValue(_files) ?? [];
        string? path = parsed.GetValue(_output);
        if (path is null && StandardStream.Output.IsTerminal)
        {
            throw new UsageException(new TraceException(
                "NoOutput", TraceErrorKind.InvalidArgument, "The report is an HTML page and cannot be shown on a terminal.", "Give --output FILE, or redirect standard output to a file."));
        }

        // Not after an hour of reading.
        ReportFile? output = path is null ? null : UsageException.For(p => new ReportFile(p), path);
        BindReport report = new(parsed.GetValue(_title), parsed.GetValue(_policy) is { } policy ? ReadPolicy(policy) : null);

        // The tracer in front of a pipe gets the same Ctrl-C, and still has something to deliver.
        using Termination? termination = files.Contains(StandardInput) ? new() : null;
        bool isWhole = true;
        foreach (string file in files)
        {
            if (Add(report, file) is { } problem)
            {
                isWhole = false;
                Messages.Write($"bindsnoop: warning: {problem}");
            }
        }

        if (files.Length == 0 || parsed.GetValue(_sockets))
        {
            SocketSnapshot snapshot = SocketSnapshot.Take(new SocketFilter());
            report.AddSnapshot(snapshot);
            foreach (string unseen in snapshot.Unseen)
            {
                Messages.Write(unseen);
            }
        }

        if (report.Gaps > 0)
        {
            Messages.Write("bindsnoop: warning: The records are incomplete: the page lists what is missing.");
        }

        if (output is null)
        {
            StandardStream.Output.Write(new ReportPage(report).Write());
        }
        else
        {
            output.Write(report);
        }

        return !isWhole ? ExitStatus.Failure : report.Gaps > 0 ? ExitStatus.NotKnown : ExitStatus.Success;
    }

    /// <returns>What could not be read, and why; null if all could.</returns>
    private static string? Add(BindReport report, string file)
    {
        if (file != StandardInput && RecordFile.IsDatabase(file))
        {
            return report.AddRecord(file);
        }

        using Stream stream = Open(file);
        return report.AddFile(stream, file == StandardInput ? "standard input" : file);
    }

    private static BindPolicy ReadPolicy(string path)
    {
        using Stream stream = Open(path);
        using MemoryStream content = new();
        stream.CopyTo(content);
        return UsageException.For(_ => BindPolicy.FromJson(content.ToArray(), path), path);
    }

    /// <exception cref="TraceException"><c>FileNotRead</c>.</exception>
    private static Stream Open(string path)
    {
        try
        {
            return path == StandardInput ? Console.OpenStandardInput() : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new TraceException(
                "FileNotRead",
                TraceErrorKind.ObjectNotFound,
                $"'{DisplayText.Escape(path)}' cannot be read: {DisplayText.EscapeUnsafe(exception.Message)}",
                "Give a file that exists and that this user may read.",
                path,
                exception);
        }
    }
}

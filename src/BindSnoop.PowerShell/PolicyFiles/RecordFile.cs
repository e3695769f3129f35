using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Runtime.ExceptionServices;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Reads files of events by PowerShell's own cmdlets.</summary>
internal static class RecordFile
{
    private static readonly (string[] Extensions, string[] Commands)[] s_formats =
    [
        ([".csv"], ["Microsoft.PowerShell.Utility\\Import-Csv"]),
        ([".clixml", ".xml"], ["Microsoft.PowerShell.Utility\\Import-Clixml"]),

        // It takes an object a line as well as an array over many lines.
        ([".json", ".jsonl", ".ndjson"], ["Microsoft.PowerShell.Management\\Get-Content", "Microsoft.PowerShell.Utility\\ConvertFrom-Json"]),
    ];

    /// <summary>Hands the objects of a file over as they are read.</summary>
    /// <exception cref="TraceException">The file cannot be read.</exception>
    public static void Read(string path, Action<PSObject> take)
    {
        string extension = Path.GetExtension(path);
        string[] commands = Array.Find(s_formats, f => f.Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase)).Commands ??
            throw new TraceException(
                "UnknownRecordFormat",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(path)}' is not the name of a record of events.",
                $"Give a file whose name ends in {string.Join(", ", s_formats.SelectMany(f => f.Extensions))}.",
                path);
        if (!File.Exists(path))
        {
            throw new TraceException(
                "RecordNotFound",
                TraceErrorKind.ObjectNotFound,
                $"There is no file '{DisplayText.Escape(path)}'.",
                "Give the path of a file made by Export-Csv, Export-Clixml, ConvertTo-Json or 'bindsnoop --json'.",
                path);
        }

        using System.Management.Automation.PowerShell reader = System.Management.Automation.PowerShell.Create(RunspaceMode.CurrentRunspace);
        reader.AddCommand(commands[0]).AddParameter("LiteralPath", path).AddParameter("ErrorAction", ActionPreference.Stop);
        foreach (string command in commands[1..])
        {
            reader.AddCommand(command).AddParameter("ErrorAction", ActionPreference.Stop);
        }

        Sink sink = new(take);
        try
        {
            reader.Invoke(null, sink);
        }
        catch (Exception) when (sink.Failure is not null)
        {
            sink.Failure.Throw();
        }
        catch (RuntimeException exception) when (exception is not PipelineStoppedException)
        {
            throw new TraceException(
                "InvalidRecord",
                TraceErrorKind.InvalidArgument,
                $"The record '{DisplayText.Escape(path)}' cannot be read: {DisplayText.EscapeUnsafe(exception.Message)}",
                "Give a file made by Export-Csv, Export-Clixml, ConvertTo-Json or 'bindsnoop --json'.",
                path,
                exception);
        }
    }

    /// <summary>A list that keeps nothing: a record may be larger than memory.</summary>
    private sealed class Sink(Action<PSObject> take) : Collection<PSObject>
    {
        /// <summary>
        /// What ended it. It is not for the reading pipeline: "Select-Object -First" ends ours with an exception
        /// that would end all pipelines if it went through another one.
        /// </summary>
        public ExceptionDispatchInfo? Failure { get; private set; }

        protected override void InsertItem(int index, PSObject item)
        {
            try
            {
                take(item);
            }
            catch (Exception exception)
            {
                Failure ??= ExceptionDispatchInfo.Capture(exception);
                throw new OperationCanceledException();
            }
        }
    }
}

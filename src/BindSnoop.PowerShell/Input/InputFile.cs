using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using BindSnoop.Input;
using BindSnoop.Records;

namespace BindSnoop.PowerShell.Input;

/// <summary>Reads files of earlier output: JSON as a stream, records as they are, the others by PowerShell's own cmdlets.</summary>
internal static class InputFile
{
    private const string MadeBy = "Give a file from Export-Csv, Export-Clixml, ConvertTo-Json, 'bindsnoop --json' or 'bindsnoop record'.";

    private static readonly (string[] Extensions, string? Command)[] s_formats =
    [
        ([".csv"], "Microsoft.PowerShell.Utility\\Import-Csv"),
        ([".clixml", ".xml"], "Microsoft.PowerShell.Utility\\Import-Clixml"),

        // ConvertFrom-Json reads all of a file before it gives the first object.
        ([".json", ".jsonl", ".ndjson"], null),
    ];

    /// <summary>Hands the objects of a file over as they are read.</summary>
    /// <param name="takeBlind">Called with what a recorder did not see, if anything.</param>
    /// <exception cref="TraceException">The file cannot be read.</exception>
    public static void Read(string path, Action<InputRow> take, Action<string> takeBlind, CancellationToken cancellationToken)
    {
        if (RecordFile.IsDatabase(path))
        {
            using RecordReader reader = new(path);
            if (reader.Blind.Length > 0)
            {
                takeBlind(reader.Blind);
            }

            foreach (InputRow row in reader.ReadAll())
            {
                take(row);
            }

            return;
        }

        string extension = Path.GetExtension(path);
        (string[] extensions, string? command) = Array.Find(s_formats, f => f.Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase));
        if (extensions is null)
        {
            throw new TraceException(
                "UnknownRecordFormat",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(path)}' is not the name of a file of events.",
                $"Give a file whose name ends in {string.Join(", ", s_formats.SelectMany(f => f.Extensions))}, or a file of 'bindsnoop record'.",
                path);
        }

        if (!File.Exists(path))
        {
            throw new TraceException(
                "RecordNotFound",
                TraceErrorKind.ObjectNotFound,
                $"There is no file '{DisplayText.Escape(path)}'.",
                MadeBy,
                path);
        }

        if (command is null)
        {
            ReadJson(path, take, cancellationToken);
        }
        else
        {
            ReadBy(command, path, take);
        }
    }

    private static void ReadJson(string path, Action<InputRow> take, CancellationToken cancellationToken)
    {
        using IEnumerator<InputRow> objects = Access(
            path, () => InputReader.ReadJson(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), cancellationToken).GetEnumerator());
        while (Access(path, objects.MoveNext))
        {
            take(objects.Current);
        }
    }

    private static T Access<T>(string path, Func<T> access)
    {
        try
        {
            return access();
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, exception);
        }
    }

    private static void ReadBy(string command, string path, Action<InputRow> take)
    {
        using System.Management.Automation.PowerShell reader = System.Management.Automation.PowerShell.Create(RunspaceMode.CurrentRunspace);
        reader.AddCommand(command).AddParameter("LiteralPath", path).AddParameter("ErrorAction", ActionPreference.Stop);
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
            throw Unreadable(path, exception);
        }
    }

    private static TraceException Unreadable(string path, Exception exception) => new(
        "InvalidRecord",
        TraceErrorKind.InvalidArgument,
        $"The file '{DisplayText.Escape(path)}' cannot be read: {DisplayText.EscapeUnsafe(exception.Message)}",
        MadeBy,
        path,
        exception);

    /// <summary>A list that keeps nothing: a record may be larger than memory.</summary>
    private sealed class Sink(Action<InputRow> take) : Collection<PSObject>
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
                take(new ObjectRow(item));
            }
            catch (Exception exception)
            {
                Failure ??= ExceptionDispatchInfo.Capture(exception);
                throw new OperationCanceledException();
            }
        }
    }
}

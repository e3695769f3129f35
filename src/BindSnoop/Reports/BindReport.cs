using System.Globalization;
using System.Reflection;
using System.Text.Json;
using BindSnoop.Host;
using BindSnoop.Records;
using BindSnoop.Input;
using static BindSnoop.Reports.RowText;

namespace BindSnoop.Reports;

/// <summary>
/// Gathers what a report shows: a page about events, counts and sockets. However much is added, it takes no more memory
/// than some hundred megabytes: items beyond the limits are only counted, and the page says so.
/// </summary>
internal sealed class BindReport
{
    /// <summary>The most rows of every other table.</summary>
    public const int MostRows = 2000;

    private const int MostNotes = 100;

    private readonly List<string> _sources = [];
    private readonly List<string> _missing = [];

    /// <summary>Makes an empty one.</summary>
    /// <param name="title">The title; null for a default that names the machine.</param>
    /// <param name="policy">What binds are judged by; null: by nothing.</param>
    public BindReport(string? title = null, BindPolicy? policy = null)
    {
        Title = title is null ? $"Bind report of {DisplayText.Escape(Environment.MachineName)}" : Cut(DisplayText.EscapeUnsafe(title));
        Judgement = new(policy);
    }

    public string Title { get; }

    public ReportJudgement Judgement { get; }

    public ReportCalls Calls { get; } = new();

    public ReportSockets Sockets { get; } = new();

    public DateTimeOffset Made { get; } = DateTimeOffset.Now;

    public static string Version { get; } = typeof(BindReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Its sources, in a sentence each.</summary>
    public IReadOnlyList<string> Sources => _sources;

    /// <summary>What is not in it, a sentence each.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>How many more sentences there would be of what is not in it.</summary>
    public long MissingRest { get; private set; }

    /// <summary>Events of which sources said that they were lost.</summary>
    public long Lost { get; private set; }

    /// <summary>Spans of time of which a record does not know everything.</summary>
    public long Gaps { get; private set; }

    /// <summary>Whether it is known that calls are not in it.</summary>
    public bool HasLost => Lost > 0 || Gaps > 0;

    /// <summary>Adds a source.</summary>
    public void AddSource(string sentence) => _sources.Add(sentence);

    /// <summary>Says that something is not in it.</summary>
    public void AddMissing(string sentence)
    {
        if (_missing.Count < MostNotes)
        {
            _missing.Add(Cut(sentence, 4 * MostText));
        }
        else
        {
            MissingRest++;
        }
    }

    /// <summary>Adds what a recorder does not see.</summary>
    /// <param name="name">The record.</param>
    public void AddBlind(string name, string blind) => AddMissing($"The recorder of '{DisplayText.Escape(name)}' did not see: {blind}");

    /// <summary>Says that events were lost.</summary>
    public void AddLoss(LossReport? loss)
    {
        if (loss is not null)
        {
            Lost += loss.Lost;
            AddMissing(loss.Message);
        }
    }

    /// <summary>Adds the sockets that there are now.</summary>
    public void AddSnapshot(SocketSnapshot snapshot)
    {
        AddSource($"The sockets of {DisplayText.Escape(Environment.MachineName)} at {Made:yyyy-MM-dd HH:mm:ss}.");
        Sockets.IsGiven = true;
        foreach (BindSocket socket in snapshot.Sockets)
        {
            Sockets.Add(FieldRow.Of(socket, BindSocket.Description));
        }

        foreach (string unseen in snapshot.Unseen)
        {
            AddMissing(unseen);
        }
    }

    /// <summary>Adds an event.</summary>
    public void Add(TraceEvent next)
    {
        switch (next)
        {
            case BindEvent bind:
                Judgement.Judge(new BindFacts(bind));
                break;
            case ListenEvent listen:
                Judgement.Judge(new BindFacts(listen));
                break;
        }

        Calls.Add(FieldRow.Of(next), next.Kind.Call);
    }

    /// <summary>Adds a count.</summary>
    public void Add(BindCount count) => Calls.AddCount(FieldRow.Of(count, BindCount.Description));

    /// <summary>Adds a socket.</summary>
    public void Add(BindSocket socket) => Sockets.Add(FieldRow.Of(socket, BindSocket.Description));

    /// <summary>Adds an event, count, socket or violation.</summary>
    /// <param name="row">Something that was emitted, in this or another process.</param>
    /// <param name="what">What to call it in messages.</param>
    /// <exception cref="TraceException"><c>InvalidReportObject</c>.</exception>
    public void Add(InputRow row, string what)
    {
        switch (row)
        {
            case var _ when RecordedBind.KindOf(row) is { } kind:
                AddRecorded(row, kind, what);
                break;
            case var _ when row.Has(nameof(BindViolation.Rule)) && row.Has(nameof(BindViolation.Reason)):
                Judgement.AddViolation(row);
                break;
            case var _ when row.Has(nameof(BindEvent.RequestedPort)):
                Judgement.Judge(row, what);
                Calls.Add(row, BindEvent.Definition.Call);
                break;
            case var _ when row.Has(nameof(BindSocket.Owners)) || row.Has(nameof(BindSocket.HeldBy)):
                Sockets.Add(row);
                break;
            case var _ when row.Has("BoundFor"):
                Calls.Add(row, "release");
                break;
            case var _ when row.Has(nameof(ListenEvent.AlreadyListening)):
                Judgement.Judge(row, what);
                Calls.Add(row, ListenEvent.Definition.Call);
                break;
            case var _ when row.Has(nameof(AcceptEvent.LocalPort)) && row.Has(nameof(AcceptEvent.RemotePort)):
                Calls.Add(row, AcceptEvent.Definition.Call);
                break;
            case var _ when row.Has(nameof(BindCount.Count)) && row.Has(nameof(BindCount.Port)):
                Calls.AddCount(row);
                break;
            default:
                throw Invalid(row, what);
        }
    }

    /// <summary>Adds all of a file.</summary>
    /// <param name="file">JSON or CSV.</param>
    /// <param name="name">What to call it.</param>
    /// <returns>What could not be read, and why; null if all could.</returns>
    public string? AddFile(Stream file, string name) => AddRows(InputReader.Read(file, CancellationToken.None), name);

    /// <summary>Adds everything in a record; its gaps are listed as missing.</summary>
    /// <param name="path">The record.</param>
    /// <returns>What could not be read, and why; null if all could.</returns>
    /// <exception cref="TraceException">Nothing of it can be read.</exception>
    public string? AddRecord(string path)
    {
        using RecordReader reader = new(path);
        if (reader.Blind.Length > 0)
        {
            AddBlind(path, reader.Blind);
        }

        return AddRows(reader.ReadAll(), path);
    }

    private static TraceException Invalid(InputRow row, string what) => new(
        "InvalidReportObject",
        TraceErrorKind.InvalidArgument,
        $"{what} is not an event, count, socket or violation: it has the properties of none of them.",
        "Give output of BindSnoop, or a file with its output.",
        row.Target);

    private string? AddRows(IEnumerable<InputRow> rows, string name)
    {
        name = DisplayText.Escape(name);
        long number = 0;
        long refused = 0;
        List<string> problems = [];
        try
        {
            foreach (InputRow row in rows)
            {
                try
                {
                    Add(row, string.Create(CultureInfo.InvariantCulture, $"Object {++number} of '{name}'"));
                }
                catch (TraceException exception)
                {
                    if (refused++ == 0)
                    {
                        problems.Add(exception.Message);
                    }
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or FormatException or IOException or UnauthorizedAccessException or TraceException)
        {
            problems.Add($"'{name}' cannot be read after its object {number.ToString(CultureInfo.InvariantCulture)}: {DisplayText.EscapeUnsafe(exception.Message)}");
        }

        if (refused > 1)
        {
            problems[0] += string.Create(CultureInfo.InvariantCulture, $" The same is true of {refused - 1:N0} more.");
        }

        AddSource(string.Create(CultureInfo.InvariantCulture, $"{number - refused:N0} objects of '{name}'."));
        problems.ForEach(AddMissing);
        return problems.Count > 0 ? string.Join(' ', problems) : null;
    }
    private void AddRecorded(InputRow row, string kind, string what)
    {
        switch (kind)
        {
            case RecordedBind.Gap:
                Gaps++;
                AddMissing(RecordedBind.ExplanationOf(row));
                break;
            case RecordedBind.Listen:
                Calls.Add(row, ListenEvent.Definition.Call);
                break;
            case RecordedBind.Bind or RecordedBind.Failure:
                Judgement.Judge(row, what);
                Calls.Add(row, BindEvent.Definition.Call);
                break;
            default:
                throw Invalid(row, what);
        }
    }
}

using System.Globalization;
using System.Management.Automation;
using BindSnoop.PowerShell.Input;
using BindSnoop.PowerShell.PolicyFiles;
using BindSnoop.Reports;

namespace BindSnoop.PowerShell;

/// <summary>Writes an HTML page about events, counts, sockets and violations.</summary>
[Cmdlet(VerbsData.Export, "BindReport", SupportsShouldProcess = true)]
public sealed class ExportBindReportCommand : TraceCommand
{
    private BindReport? _report;
    private ReportFile? _file;
    private ProgressBar? _bar;
    private long _added;
    private long _fromPipeline;
    private long _taken;

    /// <summary>The file; an older report is replaced.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>Events, counts, sockets, violations, background traces, or objects with the same properties.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    /// <summary>Background traces whose events or counts are wanted; each event is delivered once.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>Files of such objects: CSV, JSON, JSON lines or CliXml, as the name says; or records of 'bindsnoop record'.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] RecordPath { get; set; } = [];

    /// <summary>What binds are judged by: of New-BindPolicy, a hashtable, or the path of a file.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? Policy { get; set; }

    /// <summary>The title of the page.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Title { get; set; }

    /// <summary>The sockets there are now, besides what else is given.</summary>
    [Parameter]
    public SwitchParameter IncludeSocket { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        string path = SessionState.Path.GetUnresolvedProviderPathFromPSPath(Path, out ProviderInfo provider, out _);

        // Not after a day of events.
        _file = Try(() => provider.Name == "FileSystem" ? new ReportFile(path) : throw new TraceException(
            "InvalidReportPath", TraceErrorKind.InvalidArgument, $"'{DisplayText.Escape(Path)}' is not a path in the file system.", "Give the path of a file.", Path));
        _bar = new ProgressBar(this, "Making a report");
        _report = new BindReport(Title, Policy is null ? null : Try(() => PolicyFile.Of(Policy, nameof(Policy), GetUnresolvedProviderPathFromPSPath)));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject?.BaseObject is BindTrace trace)
        {
            TakeTrace(trace);
        }
        else if (InputObject is not null || MyInvocation.ExpectingInput)
        {
            _taken += TakeObject(InputObject, string.Create(CultureInfo.InvariantCulture, $"Object {++_fromPipeline} of the input")) ? 1 : 0;
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_fromPipeline > 0)
        {
            _report!.AddSource(string.Create(CultureInfo.InvariantCulture, $"{_taken:N0} objects of a pipeline."));
        }

        foreach (BindTrace trace in Trace)
        {
            TakeTrace(trace);
        }

        foreach (string path in RecordPath.Select(GetUnresolvedProviderPathFromPSPath))
        {
            TakeFile(path);
        }

        bool isEmpty = !MyInvocation.ExpectingInput && InputObject is null && Trace.Length == 0 && RecordPath.Length == 0;
        if (isEmpty || IncludeSocket)
        {
            TakeSockets();
        }

        if (_report!.Gaps > 0)
        {
            WriteWarning("The records are incomplete: the page lists what is missing.");
        }

        if (ShouldProcess(Path, "Export-BindReport"))
        {
            Try(() => _file!.Write(_report));
            _bar!.Complete();
        }
    }

    private void TakeSockets()
    {
        SocketSnapshot snapshot = Try(() => SocketSnapshot.Take(new SocketFilter()));
        _report!.AddSnapshot(snapshot);
        foreach (string unseen in snapshot.Unseen)
        {
            WriteWarning(unseen);
        }
    }

    private void TakeFile(string path)
    {
        long row = 0;
        long taken = 0;
        string name = DisplayText.Escape(path);
        try
        {
            InputFile.Read(
                path,
                item =>
                {
                    string what = string.Create(CultureInfo.InvariantCulture, $"Object {++row} of '{name}'");
                    taken += Take(() => _report!.Add(item, what)) ? 1 : 0;
                },
                blind => _report!.AddBlind(path, blind),
                StopToken);
        }
        catch (TraceException exception)
        {
            // What was read until there is worth a page, which says so.
            Refuse(exception);
        }

        _report!.AddSource(string.Create(CultureInfo.InvariantCulture, $"{taken:N0} objects of '{name}'."));
    }

    /// <returns>Whether it could be used.</returns>
    private bool TakeObject(PSObject? item, string what) => Take(() =>
    {
        switch (item?.BaseObject)
        {
            case TraceEvent next:
                _report!.Add(next);
                break;
            case BindSocket socket:
                _report!.Add(socket);
                break;
            case BindCount count:
                _report!.Add(count);
                break;
            default:
                _report!.Add(new ObjectRow(item), what);
                break;
        }
    });

    private bool Take(Action add)
    {
        if (Stopping)
        {
            throw new PipelineStoppedException();
        }

        try
        {
            add();
            _added++;
            _bar!.Show(() => $"{_added} objects so far");
            return true;
        }
        catch (TraceException exception)
        {
            Refuse(exception);
            return false;
        }
    }

    private void TakeTrace(BindTrace trace)
    {
        string name = DisplayText.Escape(trace.Name);
        long taken = 0;
        if (trace.Mode == BindTraceMode.Count)
        {
            Take(() =>
            {
                IReadOnlyList<BindCount> counts = trace.ReadCounts();
                foreach (BindCount count in counts)
                {
                    _report!.Add(count);
                    taken++;
                }

                AddLoss(trace.ReadLoss());
            });
        }
        else
        {
            // What comes meanwhile is for the next time: under a steady load there would be no end.
            foreach (BindEvent next in trace.TakeQueued())
            {
                taken += Take(() => _report!.Add(next)) ? 1 : 0;
            }

            AddLoss(trace.TakeLoss());
        }

        _report!.AddSource(string.Create(
            CultureInfo.InvariantCulture, $"{taken:N0} {(trace.Mode == BindTraceMode.Count ? "counts" : "events")} of the trace '{name}', which began at {trace.StartTime:yyyy-MM-dd HH:mm:ss}."));
        if (trace.Blind.Length > 0)
        {
            _report.AddMissing($"The trace '{name}' did not see: {trace.Blind}");
        }

        foreach (string warning in trace.TakeWarnings())
        {
            _report.AddMissing(warning);
            Warn(warning);
        }

        if (trace.State == BindTraceState.Removed)
        {
            Refuse(TraceLookup.Removed(trace));
        }
        else if (trace.Failure is { } failure)
        {
            Refuse(failure);
        }
    }

    private void AddLoss(LossReport? loss)
    {
        _report!.AddLoss(loss);
        WriteLoss(loss);
    }

    private void Refuse(TraceException exception)
    {
        _report!.AddMissing(exception.Message);
        WriteError(ToErrorRecord(exception));
    }
}

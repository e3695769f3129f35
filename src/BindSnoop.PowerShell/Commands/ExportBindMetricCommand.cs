using System.Management.Automation;
using BindSnoop.Metrics;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Writes counts and trace health metrics to a file that Prometheus' node exporter reads.</summary>
[Cmdlet(VerbsData.Export, "BindMetric", DefaultParameterSetName = CountSet, SupportsShouldProcess = true)]
public sealed class ExportBindMetricCommand : TraceCommand
{
    private const string CountSet = "Count";
    private const string TraceSet = "Trace";
    private const string NameSet = "Name";

    private readonly List<BindCount> _counts = [];
    private readonly Dictionary<BindTrace, MetricTally?> _traces = [];
    private MetricFile? _file;

    /// <summary>The file; it is replaced as a whole.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>Counts from Get-BindCount.</summary>
    [Parameter(ParameterSetName = CountSet, Mandatory = true, ValueFromPipeline = true)]
    public BindCount[] InputObject { get; set; } = [];

    /// <summary>Background traces.</summary>
    [Parameter(ParameterSetName = TraceSet, Mandatory = true, ValueFromPipeline = true)]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>The same, by name.</summary>
    [Parameter(ParameterSetName = NameSet, Mandatory = true)]
    [ArgumentCompleter(typeof(TraceNameCompleter))]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Writes the file anew so often, until the traces or the pipeline are stopped.</summary>
    [Parameter(ParameterSetName = TraceSet)]
    [Parameter(ParameterSetName = NameSet)]
    [Duration]
    public TimeSpan? Interval { get; set; }

    /// <summary>Ports that are counted separately; all others count as one.</summary>
    [Parameter]
    [ValidateRange(1, 65535)]
    public int[] Port { get; set; } = [];

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        string path = SessionState.Path.GetUnresolvedProviderPathFromPSPath(Path, out ProviderInfo provider, out _);
        _ = Interval is { } interval ? Try(() => TraceDuration.Check(interval)) : default;
        _file = Try(() => provider.Name == "FileSystem" ? new MetricFile(path) : throw new TraceException(
            "InvalidMetricPath", TraceErrorKind.InvalidArgument, $"'{DisplayText.Escape(Path)}' is not a path in the file system.", "Give the path of a file.", Path));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        _counts.AddRange(InputObject);
        foreach (BindTrace trace in ParameterSetName == NameSet ? TraceLookup.ByName(this, Name) : Trace)
        {
            _traces.TryAdd(trace, null);
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (ParameterSetName == NameSet && _traces.Count == 0)
        {
            WriteWarning($"No trace matches {string.Join(", ", Name.Select(n => $"'{DisplayText.Escape(n)}'"))}: '{DisplayText.Escape(Path)}' was not changed.");
            return;
        }

        if (!ShouldProcess(Path, "Export-BindMetric"))
        {
            return;
        }

        if (ParameterSetName == CountSet)
        {
            MetricTally tally = new(Port);
            _counts.ForEach(tally.Add);
            MetricSet set = new();
            tally.WriteTo(set, traceName: null);
            Try(() => _file!.Write(set));
        }
        else if (Interval is { } interval)
        {
            Repeat(interval);
        }
        else
        {
            foreach (BindTrace trace in _traces.Keys.Where(t => Port.Length > 0 && t.Mode == BindTraceMode.Event))
            {
                WriteWarning($"The trace '{DisplayText.Escape(trace.Name)}' has not counted by port: start it with -Mode Count, or use -Interval to count from now on.");
            }

            Try(WriteTraces);
        }

        foreach (BindTrace trace in _traces.Keys)
        {
            WriteFailure(trace);
        }
    }

    private void Repeat(TimeSpan interval)
    {
        foreach (BindTrace trace in _traces.Keys)
        {
            _traces[trace] = trace.Metrics.Begin(Port);
        }

        try
        {
            Try(WriteTraces);
            bool more = true;
            while (more)
            {
                // Before the last look, so that it sees all that was collected.
                more = !StopToken.WaitHandle.WaitOne(interval) && _traces.Keys.Any(t => t.State == BindTraceState.Running);
                try
                {
                    WriteTraces();
                }
                catch (TraceException exception)
                {
                    // What is wrong now, such as a full disk, may be right again the next time.
                    WriteError(ToErrorRecord(exception));
                }
            }
        }
        finally
        {
            foreach ((BindTrace trace, MetricTally? tally) in _traces)
            {
                trace.Metrics.End(tally!);
            }
        }
    }

    private void WriteTraces()
    {
        MetricSet set = new();
        foreach ((BindTrace trace, MetricTally? tally) in _traces)
        {
            trace.WriteTo(set, tally);
        }

        _file!.Write(set);
    }
}

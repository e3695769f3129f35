using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Streams calls of bind() as they happen, or delivers what a background trace has collected.</summary>
[Cmdlet(VerbsCommon.Get, "BindEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(BindEvent))]
public sealed class GetBindEventCommand : BindFilterCommand
{
    private const string TraceSet = "Trace";
    private const string NameSet = "Name";

    /// <summary>The type name that makes the default view show results.</summary>
    private const string WithErrorTypeName = "BindSnoop.BindEvent#IncludeError";

    /// <summary>The type name that makes it show explanations.</summary>
    private const string ExplainedTypeName = "BindSnoop.BindEvent#Explain";

    private readonly List<BindTrace> _traces = [];
    private BindTracer? _tracer;

    /// <summary>How long to trace; a number is seconds. Without it: until Ctrl-C.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Duration]
    public TimeSpan? Duration { get; set; }

    /// <summary>Begins with the sockets that are bound already.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter IncludeExisting { get; set; }

    /// <summary>Explains failures: why, who is in the way, and what would help.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter Explain { get; set; }

    /// <summary>Ends after so many events.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long MaxEvents { get; set; } = long.MaxValue;

    /// <summary>Background traces whose events are wanted; each event is delivered once.</summary>
    [Parameter(ParameterSetName = TraceSet, Mandatory = true, ValueFromPipeline = true)]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>The same, by name.</summary>
    [Parameter(ParameterSetName = NameSet, Mandatory = true)]
    [ArgumentCompleter(typeof(TraceNameCompleter))]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <summary>Continues with new events until the trace is stopped.</summary>
    [Parameter(ParameterSetName = TraceSet)]
    [Parameter(ParameterSetName = NameSet)]
    public SwitchParameter Wait { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        foreach (BindTrace trace in ParameterSetName == NameSet ? TraceLookup.ByName(this, Name) : Trace)
        {
            if (trace.Mode == BindTraceMode.Event)
            {
                _traces.Add(trace);
                continue;
            }

            WriteError(ToErrorRecord(TraceLookup.NotCollecting(trace)));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (ParameterSetName != LiveSet)
        {
            HandOver();
        }
        else if (!NothingToTrace)
        {
            Stream(StartTracer, Duration, MaxEvents, next => Write(next, Explain, IncludeError));
            WriteNotExplained(_tracer?.NotExplained ?? 0, "binds");
        }
    }

    private BindTracer StartTracer()
    {
        BindTracer tracer = new(ReadOptions() with { IncludeExisting = IncludeExisting, Explain = Explain });
        foreach (string unseen in tracer.Unseen)
        {
            WriteWarning(unseen);
        }

        return _tracer = tracer;
    }

    private void HandOver()
    {
        try
        {
            long left = MaxEvents;
            foreach ((BindTrace trace, BindEvent next) in Wait ? BindTrace.Follow(_traces, StopToken) : Queued())
            {
                Write(next, trace.Options.Explain, trace.Filter.IncludeError);
                if (--left == 0)
                {
                    break;
                }
            }
        }
        finally
        {
            _traces.ForEach(t => WriteLoss(t.TakeLoss()));
            _traces.SelectMany(t => t.TakeWarnings()).ToList().ForEach(Warn);
        }

        if (!StopToken.IsCancellationRequested)
        {
            _traces.ForEach(WriteFailure);
        }
    }

    private IEnumerable<(BindTrace Trace, BindEvent Event)> Queued()
    {
        // As it is now in all of them, not when their turn has come.
        var queued = _traces.Select(t => (Trace: t, Events: t.TakeQueued())).ToList();
        foreach ((BindTrace trace, IEnumerable<BindEvent> events) in queued)
        {
            foreach (BindEvent next in events)
            {
                yield return (trace, next);
                if (StopToken.IsCancellationRequested)
                {
                    yield break;
                }
            }
        }
    }

    private void Write(BindEvent next, bool explained, bool withError) => WriteEvent(next, explained ? ExplainedTypeName : withError ? WithErrorTypeName : null);
}

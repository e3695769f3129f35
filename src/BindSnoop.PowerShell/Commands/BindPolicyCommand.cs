using System.Globalization;
using System.Management.Automation;
using BindSnoop.Input;
using BindSnoop.PowerShell.Input;

namespace BindSnoop.PowerShell;

/// <summary>What works on events of bind() and listen() from wherever: the pipeline, background traces, files.</summary>
public abstract class BindPolicyCommand : TraceCommand
{
    private ProgressBar? _bar;
    private long _taken;
    private long _fromPipeline;

    /// <summary>Events, or objects with the same properties.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    /// <summary>Background traces whose events are wanted; each event is delivered once.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>Files of events: CSV, JSON, JSON lines or CliXml, as the name says; or records of 'bindsnoop record'.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] RecordPath { get; set; } = [];

    /// <summary>Whether there was anything that is no event, each of which was an error, or that was lost.</summary>
    private protected bool IsIncomplete { get; private set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject?.BaseObject is BindTrace trace)
        {
            TakeTrace(trace);
        }
        else if (InputObject is not null || MyInvocation.ExpectingInput)
        {
            string what = $"Object {++_fromPipeline} of the input";
            switch (InputObject?.BaseObject)
            {
                case BindEvent bind:
                    Take(() => FactsReader.Read(bind, what));
                    break;
                case ListenEvent listen:
                    Take(() => FactsReader.Read(listen, what));
                    break;
                default:
                    Take(new ObjectRow(InputObject), what);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (!MyInvocation.ExpectingInput && InputObject is null && Trace.Length == 0 && RecordPath.Length == 0)
        {
            Try(() => throw new TraceException(
                "NoInput",
                TraceErrorKind.InvalidArgument,
                "There are no events to judge or learn from.",
                "Pipe in events of Get-BindEvent or Get-ListenEvent, or give -Trace or -RecordPath."));
        }

        foreach (BindTrace trace in Trace)
        {
            TakeTrace(trace);
        }

        foreach (string path in RecordPath.Select(GetUnresolvedProviderPathFromPSPath))
        {
            long row = 0;
            Try(() => InputFile.Read(
                path,
                item => Take(item, string.Create(CultureInfo.InvariantCulture, $"Object {++row} of '{DisplayText.Escape(path)}'")),
                blind => WriteWarning($"The recorder of '{DisplayText.Escape(path)}' did not see: {blind}"),
                StopToken));
        }

        _bar?.Complete();
    }

    private void Take(InputRow row, string what)
    {
        switch (RecordedBind.KindOf(row))
        {
            case RecordedBind.Gap:
                IsIncomplete = true;
                WriteWarning(RecordedBind.ExplanationOf(row));
                break;
            case RecordedBind.Listen:
                // The bind that it needs has a row of its own.
                break;
            default:
                Take(() => FactsReader.Read(row, what));
                break;
        }
    }

    /// <summary>One event.</summary>
    private protected abstract void Take(BindFacts facts);

    private void Take(Func<BindFacts> read)
    {
        if (Stopping)
        {
            throw new PipelineStoppedException();
        }

        _bar ??= new ProgressBar(this, "Looking at calls");
        try
        {
            Take(read());
            _taken++;
            _bar.Show(() => $"{_taken} so far");
        }
        catch (TraceException exception)
        {
            TakeError(exception);
        }
    }

    private void TakeTrace(BindTrace trace)
    {
        string name = DisplayText.Escape(trace.Name);
        if (trace.Mode != BindTraceMode.Event)
        {
            TakeError(TraceLookup.NotCollecting(trace));
            return;
        }

        // What comes meanwhile is for the next time: under a steady load there would be no end.
        foreach (BindEvent next in trace.TakeQueued())
        {
            Take(() => FactsReader.Read(next, $"An event of the trace '{name}'"));
            if (StopToken.IsCancellationRequested)
            {
                break;
            }
        }

        trace.TakeWarnings().ToList().ForEach(Warn);
        if (trace.Dropped is > 0 and long dropped)
        {
            IsIncomplete = true;
            WriteWarning($"{dropped} calls are missing from what the trace '{name}' collected.");
        }

        if (trace.State == BindTraceState.Removed)
        {
            TakeError(TraceLookup.Removed(trace));
        }
        else if (trace.Failure is { } failure)
        {
            TakeError(failure);
        }
    }

    /// <summary>Reports an error, and continues.</summary>
    private protected void TakeError(TraceException exception)
    {
        IsIncomplete = true;
        WriteError(ToErrorRecord(exception));
    }
}

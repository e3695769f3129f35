using System.Globalization;
using System.Management.Automation;
using BindSnoop.PowerShell.PolicyFiles;

namespace BindSnoop.PowerShell;

/// <summary>What works on events of bind() from wherever: the pipeline, background traces, files.</summary>
public abstract class BindPolicyCommand : TraceCommand
{
    private long _fromPipeline;

    /// <summary>Events, or objects with the same properties.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    public PSObject? InputObject { get; set; }

    /// <summary>Background traces whose events are wanted; each event is handed over once.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>Files of events: CSV, JSON, JSON lines or CliXml, as the name says.</summary>
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
            TakeObject(InputObject, $"Object {++_fromPipeline} of the input");
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
                "There are no events to look at.",
                "Pipe events of Get-BindEvent in, or give -Trace or -RecordPath."));
        }

        foreach (BindTrace trace in Trace)
        {
            TakeTrace(trace);
        }

        foreach (string path in RecordPath.Select(GetUnresolvedProviderPathFromPSPath))
        {
            long row = 0;
            Try(() => RecordFile.Read(
                path,
                item => TakeObject(item, string.Create(CultureInfo.InvariantCulture, $"Object {++row} of '{DisplayText.Escape(path)}'")),
                StopToken));
        }
    }

    /// <summary>One event.</summary>
    private protected abstract void Take(BindFacts facts);

    private void TakeObject(object? item, string what)
    {
        if (Stopping)
        {
            throw new PipelineStoppedException();
        }

        try
        {
            Take(FactsReader.Read(item, what));
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
            TakeObject(next, $"An event of the trace '{name}'");
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

    private void TakeError(TraceException exception)
    {
        IsIncomplete = true;
        WriteError(ToErrorRecord(exception));
    }
}

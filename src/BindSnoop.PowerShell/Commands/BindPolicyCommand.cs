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

    /// <summary>How many objects were no events, each of which was an error.</summary>
    private protected long Unreadable { get; private set; }

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
                path, item => TakeObject(item, string.Create(CultureInfo.InvariantCulture, $"Object {++row} of '{DisplayText.Escape(path)}'"))));
        }
    }

    /// <summary>One event.</summary>
    private protected abstract void Take(BindFacts facts);

    private void TakeObject(PSObject? item, string what)
    {
        if (Stopping)
        {
            throw new PipelineStoppedException();
        }

        try
        {
            Take(EventBag.Read(item, what));
        }
        catch (TraceException exception)
        {
            Unreadable++;
            WriteError(ToErrorRecord(exception));
        }
    }

    private void TakeTrace(BindTrace trace)
    {
        if (trace.Mode != BindTraceMode.Event)
        {
            Unreadable++;
            WriteError(ToErrorRecord(TraceLookup.NotCollecting(trace)));
            return;
        }

        while (!StopToken.IsCancellationRequested && trace.TryTake(out BindEvent? next))
        {
            Take(new BindFacts(next));
        }

        if (trace.Dropped > 0)
        {
            WriteWarning($"{trace.Dropped} calls are missing from what the trace '{DisplayText.Escape(trace.Name)}' collected.");
        }
    }
}

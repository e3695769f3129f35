using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Counts calls of bind() in the kernel, per address, port, protocol, interface and result.</summary>
[Cmdlet(VerbsCommon.Get, "BindCount", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(BindCount), typeof(BindCountGroup))]
public sealed class GetBindCountCommand : BindFilterCommand
{
    private const string TraceSet = "Trace";
    private const string NameSet = "Name";

    /// <summary>How long to count; a number is seconds.</summary>
    [Parameter(ParameterSetName = LiveSet, Mandatory = true)]
    [Duration]
    public TimeSpan Duration { get; set; }

    /// <summary>How many combinations of address, port, protocol and result can be counted.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public int Capacity { get; set; } = TraceOptions.DefaultCountCapacity;

    /// <summary>What to sum the counts by.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public CountGroup[] GroupBy { get; set; } = [];

    /// <summary>Background traces in Count mode; they go on counting.</summary>
    [Parameter(ParameterSetName = TraceSet, Mandatory = true, ValueFromPipeline = true)]
    public BindTrace[] Trace { get; set; } = [];

    /// <summary>The same, by name.</summary>
    [Parameter(ParameterSetName = NameSet, Mandatory = true)]
    [ArgumentCompleter(typeof(TraceNameCompleter))]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        foreach (BindTrace trace in ParameterSetName == NameSet ? TraceLookup.ByName(this, Name) : Trace)
        {
            try
            {
                Write(trace.Options.GroupBy.Count > 0 ? trace.ReadCountGroups() : trace.ReadCounts(), trace.ReadLoss(), trace.TakeWarnings());
                WriteFailure(trace);
            }
            catch (TraceException exception)
            {
                WriteError(ToErrorRecord(exception));
            }
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (ParameterSetName != LiveSet || NothingToTrace)
        {
            return;
        }

        TimeSpan duration = Try(() => TraceDuration.Check(Duration));
        using BindCounter counter = Try(() => new BindCounter(ReadOptions() with { CountCapacity = Capacity, GroupBy = GroupBy }));
        WriteBackend(counter.Backend, counter.Blind, counter.Proof, counter.Refusals);
        ProgressBar bar = new(this, "Counting binds", duration);
        while (bar.Left is var left && left > TimeSpan.Zero)
        {
            bar.Show(() => $"{counter.ReadStatistics().Emitted} so far");
            if (StopToken.WaitHandle.WaitOne(bar.IsWanted && left > ProgressBar.Interval ? ProgressBar.Interval : left))
            {
                return;
            }
        }

        counter.Stop();
        bar.Complete();
        Write(GroupBy.Length > 0 ? counter.ReadGroups() : counter.Read(), counter.ReadLoss(), counter.ReadWarnings());
    }

    private void Write(IReadOnlyList<object> counts, LossReport? loss, IReadOnlyList<string> warnings)
    {
        WriteObject(counts, enumerateCollection: true);
        WriteLoss(loss);
        warnings.ToList().ForEach(Warn);
    }
}

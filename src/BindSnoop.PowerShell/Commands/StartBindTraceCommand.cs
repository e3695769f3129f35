using System.Management.Automation;
using BindSnoop.Metrics;

namespace BindSnoop.PowerShell;

/// <summary>Starts a trace that runs in the background.</summary>
[Cmdlet(VerbsLifecycle.Start, "BindTrace", DefaultParameterSetName = LiveSet, SupportsShouldProcess = true)]
[OutputType(typeof(BindTrace))]
public sealed class StartBindTraceCommand : BindFilterCommand
{
    /// <summary>A name that no other trace has; one is made up if none is given.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Whether to collect events or to count in the kernel.</summary>
    [Parameter]
    public BindTraceMode Mode { get; set; }

    /// <summary>How many events are kept until they are fetched; the oldest go first, and are counted.</summary>
    [Parameter]
    public int MaxQueued { get; set; } = BindTrace.DefaultMaxQueued;

    /// <summary>Of Count mode: how many combinations of address, port, protocol and result can be counted.</summary>
    [Parameter]
    public int Capacity { get; set; } = TraceOptions.DefaultCountCapacity;

    /// <summary>Of Count mode: what to sum the counts by.</summary>
    [Parameter]
    public CountGroup[] GroupBy { get; set; } = [];

    /// <summary>Begins with the sockets that are bound already (not in Count mode).</summary>
    [Parameter]
    public SwitchParameter IncludeExisting { get; set; }

    /// <summary>Explains failures (not in Count mode): why, who is in the way, and what would help.</summary>
    [Parameter]
    public SwitchParameter Explain { get; set; }

    /// <summary>Where Prometheus may read the trace's metrics by HTTP: a port of the loopback, or an IPv4 address and a port.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? PrometheusAddress { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (NothingToTrace || !ShouldProcess(Name ?? "BindTrace", "Start-BindTrace"))
        {
            return;
        }

        if (IncludeExisting && Mode == BindTraceMode.Count)
        {
            ThrowTerminatingError(ToErrorRecord(new TraceException(
                "ExistingWithCount",
                TraceErrorKind.InvalidArgument,
                "-IncludeExisting cannot be combined with -Mode Count.",
                "Get-BindSocket lists the sockets that are already bound.")));
        }

        if (Explain && Mode == BindTraceMode.Count)
        {
            ThrowTerminatingError(ToErrorRecord(new TraceException(
                "ExplainWithCount",
                TraceErrorKind.InvalidArgument,
                "-Explain cannot be combined with -Mode Count.",
                "Test-BindPort explains why a port cannot be bound.")));
        }

        TraceOptions options = Try(ReadOptions) with { CountCapacity = Capacity, GroupBy = GroupBy, IncludeExisting = IncludeExisting, Explain = Explain };
        options = options with { Filter = options.Filter with { IncludeError = IncludeError || Explain } };
        MetricEndpoint? endpoint = PrometheusAddress is null ? null : Try(() => new MetricEndpoint(MetricEndpoint.Parse(PrometheusAddress)));
        BindTrace trace;
        try
        {
            trace = Try(() => BindSnoopModule.Registry.Start(Name, Mode, options, MaxQueued));
        }
        catch
        {
            endpoint?.Dispose();
            throw;
        }

        if (endpoint is not null)
        {
            trace.Serve(endpoint);
        }

        WriteBackend(trace.Backend, trace.Blind, trace.Proof, trace.Refusals);
        WriteObject(trace);
    }
}

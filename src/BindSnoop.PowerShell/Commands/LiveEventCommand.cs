using System.Management.Automation;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>What the cmdlets share that stream one kind of event, and nothing else.</summary>
/// <typeparam name="TEvent">The kind.</typeparam>
public abstract class LiveEventCommand<TEvent> : StreamCommand
    where TEvent : TraceEvent
{
    /// <summary>Local ports: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(ParameterSetName = LiveSet, Position = 0)]
    [Alias("LocalPort")]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>Local addresses or CIDR prefixes.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    private protected override void Stream() => Stream(() => Start(ReadOptions()), Duration, MaxEvents, Write);

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with
    {
        Port = Port.Select(PortRange.Parse).ToArray(),
        Address = Address.Select(AddressPrefix.Parse).ToArray(),
    };

    /// <summary>Begins to trace.</summary>
    private protected abstract Tracer<TEvent> Start(TraceOptions options);

    private protected virtual void Write(TEvent next) => WriteObject(next);
}

/// <summary>The same of calls, which may fail.</summary>
/// <typeparam name="TEvent">The kind.</typeparam>
public abstract class LiveCallCommand<TEvent> : LiveEventCommand<TEvent>
    where TEvent : TraceEvent
{
    /// <summary>Failed calls too.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("Errors")]
    public SwitchParameter IncludeError { get; set; }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with { IncludeError = IncludeError };

    private protected override void Write(TEvent next) => WriteEvent(next, IncludeError ? $"{typeof(TEvent).FullName}#IncludeError" : null);
}

using System.Management.Automation;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Streams calls of listen().</summary>
[Cmdlet(VerbsCommon.Get, "ListenEvent", DefaultParameterSetName = LiveSet)]
[OutputType(typeof(ListenEvent))]
public sealed class GetListenEventCommand : FilterCommand
{
    private const string WithErrorTypeName = "BindSnoop.ListenEvent#IncludeError";

    /// <summary>Ports: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(ParameterSetName = LiveSet, Position = 0)]
    [Alias("LocalPort")]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>Protocols, by name or number.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    /// <summary>How long to trace; a number is seconds. Without it: until Ctrl-C.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Duration]
    public TimeSpan? Duration { get; set; }

    /// <summary>Ends after so many events.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateRange(1, long.MaxValue)]
    public long MaxEvents { get; set; } = long.MaxValue;

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (!NothingToTrace)
        {
            Stream(() => new ListenTracer(ReadOptions()), Duration, MaxEvents, Write);
        }
    }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with
    {
        Port = Port.Select(PortRange.Parse).ToArray(),
        Protocol = Protocol.Select(Protocols.Parse).ToArray(),
        Address = Address.Select(AddressPrefix.Parse).ToArray(),
    };

    private void Write(ListenEvent next) => WriteEvent(next, IncludeError ? WithErrorTypeName : null);
}

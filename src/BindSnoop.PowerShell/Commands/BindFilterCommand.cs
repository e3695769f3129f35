using System.Management.Automation;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>The filters on what is bound.</summary>
public abstract class BindFilterCommand : FilterCommand
{
    /// <summary>Ports, requested or resulting: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(ParameterSetName = LiveSet, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>Protocols, by name or number.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes, requested or resulting.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    /// <summary>Leaves out binds to port 0, whose port the kernel chooses.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public SwitchParameter RequestedOnly { get; set; }

    /// <summary>Failed calls too.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("Errors")]
    public SwitchParameter IncludeError { get; set; }

    private protected override TraceFilter ReadFilter() => base.ReadFilter() with
    {
        Port = Port.Select(PortRange.Parse).ToArray(),
        Protocol = Protocol.Select(Protocols.Parse).ToArray(),
        Address = Address.Select(AddressPrefix.Parse).ToArray(),
        RequestedOnly = RequestedOnly,
        IncludeError = IncludeError,
    };
}

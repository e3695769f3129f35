using System.Management.Automation;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Lists the sockets that are bound now, in all network namespaces, and the processes that hold them.</summary>
[Cmdlet(VerbsCommon.Get, "BindSocket")]
[OutputType(typeof(BindSocket))]
public sealed class GetBindSocketCommand : TraceCommand
{
    private readonly List<int> _processIds = [];

    /// <summary>Ports: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(Position = 0)]
    [Alias("LocalPort")]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes.</summary>
    [Parameter]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    /// <summary>Protocols, by name or number.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    /// <summary>IP versions of the socket.</summary>
    [Parameter]
    public IPFamily[] AddressFamily { get; set; } = [];

    /// <summary>Processes that hold them, by id; processes from the pipeline too.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Id", "PID", "OwningProcess")]
    [ArgumentCompleter(typeof(ProcessCompleter))]
    public int[] ProcessId { get; set; } = [];

    /// <summary>Users who made them, by id or name.</summary>
    [Parameter]
    [Alias("User")]
    [ArgumentCompleter(typeof(UserCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Uid { get; set; } = [];

    /// <summary>Names of processes that hold them, exactly, as the output shows them.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(CommCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Comm { get; set; } = [];

    /// <summary>Cgroups (version 2) of processes that hold them, by path, each with its whole subtree.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(CgroupCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Cgroup { get; set; } = [];

    /// <summary>Units of the system's systemd that processes that hold them run in.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(UnitCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Unit { get; set; } = [];

    /// <summary>Containers that processes that hold them run in, by name or id.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ContainerCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Container { get; set; } = [];

    /// <summary>Network namespaces, by inode number, name of ip-netns(8), or path.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NetworkNamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] NetworkNamespace { get; set; } = [];

    /// <summary>States, such as Listen or TimeWait.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SocketStateCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] State { get; set; } = [];

    /// <summary>Also list connections, open and closed.</summary>
    [Parameter]
    public SwitchParameter All { get; set; }

    /// <summary>Gathers process ids; there is one snapshot for all.</summary>
    protected override void ProcessRecord() => _processIds.AddRange(ProcessId);

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // The pipeline was to name the processes and named none: none, not all.
        if (MyInvocation.ExpectingInput && _processIds.Count == 0)
        {
            return;
        }

        SocketSnapshot snapshot = Try(() => SocketSnapshot.Take(ReadFilter()));
        if (snapshot.Refusal is { } refusal)
        {
            WriteVerbose($"Sockets are listed through netlink and /proc: {refusal.Message}");
        }

        foreach (string unseen in snapshot.Unseen)
        {
            WriteWarning(unseen);
        }

        foreach (BindSocket socket in snapshot.Sockets)
        {
            WriteObject(socket);
        }
    }

    private SocketFilter ReadFilter() => new()
    {
        Port = Port.Select(PortRange.Parse).ToArray(),
        Address = Address.Select(AddressPrefix.Parse).ToArray(),
        Protocol = Protocol.Select(Protocols.Parse).ToArray(),
        AddressFamily = AddressFamily,
        ProcessId = _processIds.Select(FilterCommand.ParseProcessId).ToArray(),
        Uid = Uid.Select(Users.Parse).ToArray(),
        Comm = Comm,
        Cgroup = Cgroup,
        Unit = Unit,
        Container = Container,
        NetworkNamespace = NetworkNamespace.Select(NetworkNamespaces.Parse).ToArray(),
        State = State,
        All = All,
    };
}

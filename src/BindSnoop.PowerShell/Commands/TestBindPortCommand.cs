using System.Globalization;
using System.Management.Automation;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Tests whether ports could be bound, and explains why not and who is in the way.</summary>
[Cmdlet(VerbsDiagnostic.Test, "BindPort")]
[OutputType(typeof(BindPortTest), typeof(bool))]
public sealed class TestBindPortCommand : TraceCommand
{
    /// <summary>Ports; 0 for one that the kernel chooses.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("LocalPort")]
    public int[] Port { get; set; } = [];

    /// <summary>Addresses; * for all of both IP versions.</summary>
    [Parameter(Position = 1)]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = ["*"];

    /// <summary>The protocol, by name or number.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string Protocol { get; set; } = "TCP";

    /// <summary>The user who would bind, by id or name.</summary>
    [Parameter]
    [Alias("User")]
    [ArgumentCompleter(typeof(UserCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Uid { get; set; }

    /// <summary>The process that would bind.</summary>
    [Parameter]
    [Alias("Id", "PID")]
    [ArgumentCompleter(typeof(ProcessCompleter))]
    public int? ProcessId { get; set; }

    /// <summary>The network namespace, by inode number, name of ip-netns(8), or path.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NetworkNamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? NetworkNamespace { get; set; }

    /// <summary>The socket would have SO_REUSEADDR.</summary>
    [Parameter]
    public SwitchParameter ReuseAddress { get; set; }

    /// <summary>The socket would have SO_REUSEPORT.</summary>
    [Parameter]
    public SwitchParameter ReusePort { get; set; }

    /// <summary>The socket would have IPV6_V6ONLY.</summary>
    [Parameter]
    public SwitchParameter IPv6Only { get; set; }

    /// <summary>A boolean for each port and address.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (int port in Port)
        {
            foreach (string address in Address)
            {
                Write(Try(() => BindPortTest.Run(ReadRequest(port, address))));
            }
        }
    }

    private void Write(BindPortTest test)
    {
        foreach (string unseen in test.Available == false ? [] : test.Unseen)
        {
            WriteVerbose(unseen);
        }

        if (!Quiet)
        {
            WriteObject(test);
            return;
        }

        if (test.Available is null)
        {
            WriteWarning(test.Explanation);
        }

        WriteObject(test.Available == true);
    }

    private BindRequest ReadRequest(int port, string address) => new()
    {
        Port = PortRange.Parse(port.ToString(CultureInfo.InvariantCulture)).First,
        Address = BindRequest.ParseAddress(address),
        Protocol = Protocols.Parse(Protocol),
        Uid = Uid is null ? null : Users.Parse(Uid),
        ProcessId = ProcessId is { } id ? FilterCommand.ParseProcessId(id) : null,
        NetworkNamespace = NetworkNamespace is null ? null : NetworkNamespaces.Parse(NetworkNamespace),
        ReuseAddress = ReuseAddress,
        ReusePort = ReusePort,
        IPv6Only = IPv6Only,
    };
}

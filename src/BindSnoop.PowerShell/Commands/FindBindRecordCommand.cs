using System.Management.Automation;
using BindSnoop.Records;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>Finds in records of 'bindsnoop record' who held which port when, who was refused it, and who listened.</summary>
[Cmdlet(VerbsCommon.Find, "BindRecord", DefaultParameterSetName = BetweenSet)]
[OutputType(typeof(RecordedBind))]
public sealed class FindBindRecordCommand : TraceCommand
{
    private const string AtSet = "At";
    private const string BetweenSet = "Between";

    /// <summary>Records, of one or several machines.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Ports: numbers, and ranges such as 8000-8999.</summary>
    [Parameter(Position = 1)]
    [Alias("LocalPort")]
    [ValidateNotNullOrEmpty]
    public string[] Port { get; set; } = [];

    /// <summary>The moment: who held the ports then?</summary>
    [Parameter(Mandatory = true, ParameterSetName = AtSet)]
    [RecordTime]
    public DateTime? At { get; set; }

    /// <summary>What happened from this time on.</summary>
    [Parameter(ParameterSetName = BetweenSet)]
    [Alias("After")]
    [RecordTime]
    public DateTime? From { get; set; }

    /// <summary>What happened until this time.</summary>
    [Parameter(ParameterSetName = BetweenSet)]
    [Alias("Before")]
    [RecordTime]
    public DateTime? To { get; set; }

    /// <summary>Only binds that failed.</summary>
    [Parameter(ParameterSetName = BetweenSet)]
    public SwitchParameter Failed { get; set; }

    /// <summary>Only binds that failed for these reasons.</summary>
    [Parameter(ParameterSetName = BetweenSet)]
    [ArgumentCompleter(typeof(CauseCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Cause { get; set; } = [];

    /// <summary>Containers, by id, the first 12 digits of it, or name.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] Container { get; set; } = [];

    /// <summary>Units of systemd.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] Unit { get; set; } = [];

    /// <summary>Processes that made the calls.</summary>
    [Parameter]
    [Alias("Id", "PID")]
    public int[] ProcessId { get; set; } = [];

    /// <summary>Names of threads that made the calls, exactly.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] Comm { get; set; } = [];

    /// <summary>Users who made the calls, by id or name.</summary>
    [Parameter]
    [Alias("User")]
    [ArgumentCompleter(typeof(UserCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Uid { get; set; } = [];

    /// <summary>Protocols, by name or number.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ProtocolCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Protocol { get; set; } = [];

    /// <summary>Addresses or CIDR prefixes.</summary>
    [Parameter]
    [Alias("LocalAddress")]
    [ArgumentCompleter(typeof(AddressCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Address { get; set; } = [];

    /// <summary>Network namespaces, by inode number, name of ip-netns(8), or path.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NetworkNamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] NetworkNamespace { get; set; } = [];

    /// <summary>Answers from each record; what one does not know is a warning.</summary>
    protected override void ProcessRecord()
    {
        RecordQuestion question = Try(ReadQuestion);
        foreach (string path in Path.Select(GetUnresolvedProviderPathFromPSPath))
        {
            using RecordReader reader = Try(() => new RecordReader(path));
            using IEnumerator<RecordedBind> answer = reader.Ask(question).GetEnumerator();
            while (!StopToken.IsCancellationRequested && Try(answer.MoveNext))
            {
                if (answer.Current.Kind == RecordedBind.Gap)
                {
                    WriteWarning(answer.Current.Explanation);
                }

                WriteObject(At is null ? answer.Current : OfMoment(answer.Current));
            }
        }
    }

    /// <summary>The view goes by the name.</summary>
    private static PSObject OfMoment(RecordedBind found)
    {
        PSObject shown = PSObject.AsPSObject(found);
        shown.TypeNames.Insert(0, $"{typeof(RecordedBind).FullName}#Moment");
        return shown;
    }

    private RecordQuestion ReadQuestion()
    {
        RecordQuestion question = new()
        {
            At = At,
            From = From,
            Until = To,
            Port = Port.Select(PortRange.Parse).ToArray(),
            Address = Address.Select(AddressPrefix.Parse).ToArray(),
            Protocol = Protocol.Select(Protocols.Parse).ToArray(),
            ProcessId = ProcessId.Select(FilterCommand.ParseProcessId).ToArray(),
            Uid = Uid.Select(Users.Parse).ToArray(),
            Comm = Comm,
            Unit = Unit,
            Container = Container,
            NetworkNamespace = NetworkNamespace.Select(NetworkNamespaces.Parse).ToArray(),
            Failed = Failed,
            Cause = Cause,
        };
        question.Check();
        return question;
    }
}

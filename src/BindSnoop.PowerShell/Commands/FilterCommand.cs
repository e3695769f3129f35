using System.Management.Automation;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.PowerShell.Completion;

namespace BindSnoop.PowerShell;

/// <summary>The filters and options that every tracing cmdlet takes.</summary>
public abstract class FilterCommand : TraceCommand
{
    internal const string LiveSet = "Live";

    private readonly List<int> _processIds = [];

    /// <summary>Processes to trace, by id; processes from the pipeline too.</summary>
    [Parameter(ParameterSetName = LiveSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Id", "PID")]
    [ArgumentCompleter(typeof(ProcessCompleter))]
    public int[] ProcessId { get; set; } = [];

    /// <summary>Real users, by id or name.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [Alias("User")]
    [ArgumentCompleter(typeof(UserCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Uid { get; set; } = [];

    /// <summary>Real groups, by id.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public uint[] Gid { get; set; } = [];

    /// <summary>IP versions of the socket.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public IPFamily[] AddressFamily { get; set; } = [];

    /// <summary>Thread names, exactly, as events show them.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(CommCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Comm { get; set; } = [];

    /// <summary>Cgroups (version 2) by path, each with its whole subtree.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(CgroupCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Cgroup { get; set; } = [];

    /// <summary>Units of the system's systemd that are running, through all restarts.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(UnitCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Unit { get; set; } = [];

    /// <summary>Containers, by name or id, through all restarts.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(ContainerCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Container { get; set; } = [];

    /// <summary>Network namespaces, by inode number, name of ip-netns(8) or path; Host is the host's.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ArgumentCompleter(typeof(NetworkNamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] NetworkNamespace { get; set; } = [];

    /// <summary>Path of a pinned BPF hash map of cgroup ids.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string? CgroupMap { get; set; }

    /// <summary>Path of a pinned BPF hash map of mount namespace inodes.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    [ValidateNotNullOrEmpty]
    public string? MountNamespaceMap { get; set; }

    /// <summary>The kernel hooks to use; by default the first that works.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public Backend Backend { get; set; }

    /// <summary>Bytes of the buffer between the kernel and PowerShell; a power of two.</summary>
    [Parameter(ParameterSetName = LiveSet)]
    public int BufferSize { get; set; } = TraceOptions.DefaultBufferSize;

    /// <summary>Gathers process ids; the trace begins when the pipeline's input has ended.</summary>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == LiveSet)
        {
            _processIds.AddRange(ProcessId);
        }
    }

    /// <summary>
    /// Whether the pipeline was to name the processes and named none: then there is nothing to trace, least
    /// of all everything.
    /// </summary>
    protected bool NothingToTrace => MyInvocation.ExpectingInput && _processIds.Count == 0;

    /// <summary>
    /// The filter that the parameters describe; cmdlets add what is their own. In arrays: PowerShell cannot
    /// index what a collection expression makes.
    /// </summary>
    private protected virtual TraceFilter ReadFilter() => new()
    {
        ProcessId = _processIds.Select(ParseProcessId).ToArray(),
        Uid = Uid.Select(Users.Parse).ToArray(),
        Gid = Gid,
        AddressFamily = AddressFamily,
        Comm = Comm,
        Cgroup = Cgroup,
        Unit = Unit,
        Container = Container,
        NetworkNamespace = NetworkNamespace.Select(NetworkNamespaces.Parse).ToArray(),
        CgroupMap = FullPath(CgroupMap),
        MountNamespaceMap = FullPath(MountNamespaceMap),
    };

    private protected virtual TraceOptions ReadOptions() => new() { Filter = ReadFilter(), Backend = Backend, BufferSize = BufferSize };

    /// <summary>Traces live, until the time or the number is reached or the pipeline is stopped.</summary>
    private protected void Stream<TEvent>(Func<Tracer<TEvent>> start, TimeSpan? duration, long maxEvents, Action<TEvent> write)
        where TEvent : TraceEvent
    {
        duration = duration is { } time ? Try(() => TraceDuration.Check(time)) : null;
        using Tracer<TEvent> tracer = Try(start);
        WriteBackend(tracer.Backend, tracer.Blind, tracer.Proof, tracer.Refusals);
        WriteVerbose($"Up to {tracer.ReadAheadCapacity} events wait in memory while the pipeline is busy.");
        tracer.OnLoss = WriteLoss;
        tracer.OnWarning = Warn;
        ProgressBar bar = new(this, "Tracing", duration ?? TimeSpan.Zero);
        try
        {
            foreach (TEvent next in bar.IsWanted ? Read(tracer, bar) : tracer.Read(duration, StopToken))
            {
                write(next);
                if (--maxEvents == 0)
                {
                    break;
                }
            }
        }
        finally
        {
            // Whatever ended it: Select-Object -First, an exception downstream and Ctrl-C come by here, too.
            if (!Stopping)
            {
                WriteVerbose($"At most {tracer.MostReadAhead} events waited in memory.");
            }

            bar.Complete();
            WriteLoss(tracer.ReadTotalLoss());
            Array.ForEach([.. tracer.ReadWarnings()], Warn);
        }
    }

    /// <summary>Warns of failures that were not looked into.</summary>
    private protected void WriteNotExplained(long failures, string calls)
    {
        if (failures > 0 && !StopToken.IsCancellationRequested)
        {
            WriteWarning($"{(failures == 1 ? "1 failure was" : $"{failures} failures were")} not explained: {calls} failed faster than they could be diagnosed, or the trace ended first.");
        }
    }

    /// <summary>The same events as without a progress bar: a reading that is interrupted continues where it was.</summary>
    private IEnumerable<TEvent> Read<TEvent>(Tracer<TEvent> tracer, ProgressBar bar)
        where TEvent : TraceEvent
    {
        long events = 0;
        bool wasInterrupted = true;
        while (wasInterrupted)
        {
            bar.Show(() => $"{events} events so far");
            using CancellationTokenSource interruption = CancellationTokenSource.CreateLinkedTokenSource(StopToken);
            interruption.CancelAfter(ProgressBar.Interval);
            foreach (TEvent next in tracer.Read(bar.Left, interruption.Token))
            {
                events++;
                yield return next;
            }

            wasInterrupted = interruption.IsCancellationRequested && !StopToken.IsCancellationRequested;
        }
    }

    /// <summary>Emits an event, under a type name that selects another default view if one is given.</summary>
    private protected void WriteEvent(TraceEvent next, string? typeName)
    {
        if (typeName is null)
        {
            WriteObject(next);
            return;
        }

        PSObject shown = new(next);
        shown.TypeNames.Insert(0, typeName);
        WriteObject(shown);
    }

    private string? FullPath(string? path) => path is null ? null : GetUnresolvedProviderPathFromPSPath(path);

    internal static uint ParseProcessId(int processId) =>
        processId > 0
            ? (uint)processId
            : throw new TraceException(
                "InvalidProcessId",
                TraceErrorKind.InvalidArgument,
                $"{processId} is not a process id.",
                "Give ids greater than 0, or processes from Get-Process.",
                processId);
}

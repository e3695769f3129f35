namespace BindSnoop;

/// <summary>A kind of event, described once: JSON, OpenTelemetry and metrics follow from it.</summary>
/// <param name="call">The system call, as metrics and log records name it.</param>
/// <param name="what">Which calls those are, for descriptions.</param>
internal abstract class EventDefinition(string call, string what)
{
    /// <summary>Every kind that there is.</summary>
    public static IReadOnlyList<EventDefinition> All => [BindEvent.Definition, AcceptEvent.Definition];

    /// <summary>The system call, as metrics and log records name it.</summary>
    public string Call { get; } = call;

    /// <summary>Which calls those are, for descriptions.</summary>
    public string What { get; } = what;

    /// <summary>Whether metrics show who asked for ports below 1024.</summary>
    public bool ClaimsPorts { get; init; }

    /// <summary>The fields, in the order of JSON.</summary>
    public abstract IReadOnlyList<EventField> Fields { get; }
}

/// <summary>One kind, with its fields.</summary>
/// <param name="own">The fields that only this kind has; they come between who made the call and how it ended.</param>
internal sealed class EventDefinition<TEvent>(string call, string what, IReadOnlyList<EventField<TEvent>> own) : EventDefinition(call, what)
    where TEvent : TraceEvent
{
    private readonly EventField<TEvent>[] _fields =
    [
        EventField<TEvent>.Time(nameof(TraceEvent.Time), e => e.Time),
        EventField<TEvent>.Number(nameof(TraceEvent.KernelTime), e => e.KernelTime),
        EventField<TEvent>.Number(nameof(TraceEvent.Uid), e => e.Uid, "user.id", AttributeForm.Text),
        EventField<TEvent>.Number(nameof(TraceEvent.Gid), e => e.Gid),
        EventField<TEvent>.Text(nameof(TraceEvent.UserName), e => e.UserName, "user.name"),
        EventField<TEvent>.Number(nameof(TraceEvent.ProcessId), e => e.ProcessId, "process.pid"),
        EventField<TEvent>.Number(nameof(TraceEvent.ThreadId), e => e.ThreadId, "thread.id"),
        EventField<TEvent>.Number(nameof(TraceEvent.ParentProcessId), e => e.ParentProcessId, "process.parent_pid"),
        EventField<TEvent>.Flag(nameof(TraceEvent.IsHostProcessId), e => e.IsHostProcessId),
        EventField<TEvent>.Text(nameof(TraceEvent.Comm), e => e.Comm, "process.executable.name"),
        .. own,
        EventField<TEvent>.Number(nameof(TraceEvent.ErrorCode), e => e.ErrorCode),
        EventField<TEvent>.Text(nameof(TraceEvent.ErrorName), e => e.ErrorName, "error.type"),
        EventField<TEvent>.Text(nameof(TraceEvent.ErrorMessage), e => e.ErrorMessage),
        EventField<TEvent>.Number(nameof(TraceEvent.NetworkNamespace), e => e.NetworkNamespace, "bindsnoop.network_namespace"),
        EventField<TEvent>.Number(nameof(TraceEvent.MountNamespace), e => e.MountNamespace),
        EventField<TEvent>.Number(nameof(TraceEvent.Inode), e => e.Inode),
        EventField<TEvent>.Id(nameof(TraceEvent.CgroupId), e => e.CgroupId),
        EventField<TEvent>.Text(nameof(TraceEvent.CgroupPath), e => e.CgroupPath, "process.linux.cgroup"),
        EventField<TEvent>.Text(nameof(TraceEvent.Unit), e => e.CgroupPath, e => e.Unit, "bindsnoop.unit"),
        EventField<TEvent>.Text(nameof(TraceEvent.UserUnit), e => e.CgroupPath, e => e.UserUnit, "bindsnoop.user_unit"),
        EventField<TEvent>.Text(nameof(TraceEvent.ContainerId), e => e.CgroupPath, e => e.ContainerId, "container.id"),
        EventField<TEvent>.Text(nameof(TraceEvent.UserContainerId), e => e.CgroupPath, e => e.UserContainerId, "bindsnoop.user_container_id"),
        EventField<TEvent>.Text(nameof(TraceEvent.Backend), e => e.Backend),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<EventField> Fields => _fields;

    /// <summary>Hands over the values, in the order of the fields.</summary>
    public void Give(TEvent next, IFieldReader reader)
    {
        foreach (EventField<TEvent> field in _fields)
        {
            field.Give(next, reader);
        }
    }
}

namespace BindSnoop;

/// <summary>A kind of event, described once: JSON, text, views, OpenTelemetry and metrics follow from it.</summary>
/// <param name="call">The system call, as metrics and log records name it.</param>
/// <param name="what">What the events are about, as the beginning of a sentence.</param>
internal abstract class EventDefinition(string call, string what)
{
    /// <summary>Every kind that there is.</summary>
    public static IReadOnlyList<EventDefinition> All => [BindEvent.Definition, AcceptEvent.Definition, ListenEvent.Definition, ReleaseEvent.Definition];

    /// <summary>The system call, as metrics and log records name it.</summary>
    public string Call { get; } = call;

    /// <summary>What the events are about, as the beginning of a sentence.</summary>
    public string What { get; } = what;

    /// <summary>Whether metrics show who requested ports below 1024.</summary>
    public bool ClaimsPorts { get; init; }

    /// <summary>Whether there are failures among them.</summary>
    public bool CanFail { get; init; } = true;

    /// <summary>The class of such events.</summary>
    public abstract Type Type { get; }

    /// <summary>Their fields and columns.</summary>
    public abstract Description Description { get; }
}

/// <summary>One kind, with its fields.</summary>
/// <param name="call">The system call, as metrics and log records name it.</param>
/// <param name="what">What the events are about, as the beginning of a sentence.</param>
/// <param name="own">The fields that only this kind has; they come between the caller and the result.</param>
/// <param name="columns">The columns of text.</param>
/// <param name="note">What is said of an event in a line below its own, if anything is.</param>
internal sealed class EventDefinition<TEvent>(
    string call, string what, IReadOnlyList<Field<TEvent>> own, IReadOnlyList<TextColumn<TEvent>> columns, Func<TEvent, string?>? note = null)
    : EventDefinition(call, what)
    where TEvent : TraceEvent
{
    /// <inheritdoc/>
    public override Type Type => typeof(TEvent);

    /// <inheritdoc/>
    public override Description<TEvent> Description { get; } = new(
    [
        Field<TEvent>.Time(nameof(TraceEvent.Time), e => e.Time, heading: "TIME"),
        Field<TEvent>.Number(nameof(TraceEvent.KernelTime), e => e.KernelTime, heading: "TIME(s)"),
        Field<TEvent>.Number(nameof(TraceEvent.Uid), e => e.Uid, "user.id", AttributeForm.Text, heading: "UID"),
        Field<TEvent>.Number(nameof(TraceEvent.Gid), e => e.Gid),
        Field<TEvent>.Text(nameof(TraceEvent.UserName), e => e.UserName, "user.name"),
        Field<TEvent>.Number(nameof(TraceEvent.ProcessId), e => e.ProcessId, "process.pid", heading: "PID"),
        Field<TEvent>.Number(nameof(TraceEvent.ThreadId), e => e.ThreadId, "thread.id"),
        Field<TEvent>.Number(nameof(TraceEvent.ParentProcessId), e => e.ParentProcessId, "process.parent_pid"),
        Field<TEvent>.Flag(nameof(TraceEvent.IsHostProcessId), e => e.IsHostProcessId),
        Field<TEvent>.Text(nameof(TraceEvent.Comm), e => e.Comm, "process.executable.name", heading: "COMM"),
        .. own,
        Field<TEvent>.Number(nameof(TraceEvent.ErrorCode), e => e.ErrorCode, heading: "RC"),
        Field<TEvent>.Text(nameof(TraceEvent.ErrorName), e => e.ErrorName, "error.type"),
        Field<TEvent>.Text(nameof(TraceEvent.ErrorMessage), e => e.ErrorMessage, heading: "RESULT"),
        Field<TEvent>.Number(nameof(TraceEvent.NetworkNamespace), e => e.NetworkNamespace, "bindsnoop.network_namespace"),
        Field<TEvent>.Number(nameof(TraceEvent.MountNamespace), e => e.MountNamespace),
        Field<TEvent>.Number(nameof(TraceEvent.Inode), e => e.Inode),
        Field<TEvent>.Id(nameof(TraceEvent.CgroupId), e => e.CgroupId),
        Field<TEvent>.Text(nameof(TraceEvent.CgroupPath), e => e.CgroupPath, "process.linux.cgroup"),
        Field<TEvent>.Text(nameof(TraceEvent.Unit), e => e.CgroupPath, e => e.Unit, "bindsnoop.unit"),
        Field<TEvent>.Text(nameof(TraceEvent.UserUnit), e => e.CgroupPath, e => e.UserUnit, "bindsnoop.user_unit"),
        Field<TEvent>.Text(nameof(TraceEvent.SocketUnit), e => e.SocketUnit, "bindsnoop.socket_unit"),
        Field<TEvent>.Text(nameof(TraceEvent.ActivatedUnit), e => e.ActivatedUnit, "bindsnoop.activated_unit"),
        Field<TEvent>.Text(nameof(TraceEvent.UserSocketUnit), e => e.UserSocketUnit, "bindsnoop.user_socket_unit"),
        Field<TEvent>.Text(nameof(TraceEvent.UserActivatedUnit), e => e.UserActivatedUnit, "bindsnoop.user_activated_unit"),
        Field<TEvent>.Text(nameof(TraceEvent.ContainerId), e => e.CgroupPath, e => e.ContainerId, "container.id"),
        Field<TEvent>.Text(nameof(TraceEvent.UserContainerId), e => e.CgroupPath, e => e.UserContainerId, "bindsnoop.user_container_id"),
        Field<TEvent>.Text(nameof(TraceEvent.ContainerName), e => e.ContainerName, "container.name", heading: "CONTAINER"),
        Field<TEvent>.Text(nameof(TraceEvent.ContainerImage), e => e.ContainerImage, "container.image.name"),
        Field<TEvent>.Text(nameof(TraceEvent.ContainerRuntime), e => e.ContainerRuntime, "container.runtime.name"),
        Field<TEvent>.Text(nameof(TraceEvent.PodName), e => e.PodName, "k8s.pod.name"),
        Field<TEvent>.Text(nameof(TraceEvent.PodNamespace), e => e.PodNamespace, "k8s.namespace.name"),
        Field<TEvent>.Text(nameof(TraceEvent.Backend), e => e.Backend),
    ], columns)
    {
        Note = note,
    };
}

using BindSnoop.Host;

namespace BindSnoop;

/// <summary>A process that holds a socket, by one of its descriptors.</summary>
public sealed class SocketOwner
{
    internal SocketOwner(int processId, string comm, int fileDescriptor, DateTime? startTime, string? cgroupPath)
    {
        ProcessId = processId;
        Comm = comm;
        FileDescriptor = fileDescriptor;
        StartTime = startTime;
        CgroupPath = cgroupPath ?? "";
        Container = Containers.Of(CgroupPath);
    }

    /// <summary>The process; in the initial PID namespace, except for what /proc alone shows, which has the reader's.</summary>
    public int ProcessId { get; }

    /// <summary>The name of the process's first thread, safe to print.</summary>
    public string Comm { get; }

    /// <summary>The descriptor by which it holds the socket.</summary>
    public int FileDescriptor { get; }

    /// <summary>When the process started, in local time; with <see cref="ProcessId"/> it names one process for good.</summary>
    public DateTime? StartTime { get; }

    /// <summary>The process's cgroup in the version 2 hierarchy; empty if it could not be found out.</summary>
    public string CgroupPath { get; }

    /// <inheritdoc cref="TraceEvent.Unit"/>
    public string? Unit => CgroupOwner.Of(CgroupPath).Unit;

    /// <inheritdoc cref="TraceEvent.UserUnit"/>
    public string? UserUnit => CgroupOwner.Of(CgroupPath).UserUnit;

    /// <inheritdoc cref="TraceEvent.ContainerId"/>
    public string? ContainerId => CgroupOwner.Of(CgroupPath).ContainerId;

    /// <inheritdoc cref="TraceEvent.UserContainerId"/>
    public string? UserContainerId => CgroupOwner.Of(CgroupPath).UserContainerId;

    /// <inheritdoc cref="TraceEvent.ContainerName"/>
    public string? ContainerName => Container?.Name;

    /// <inheritdoc cref="TraceEvent.ContainerImage"/>
    public string? ContainerImage => Container?.Image;

    /// <inheritdoc cref="TraceEvent.ContainerRuntime"/>
    public string? ContainerRuntime => Container?.Runtime;

    /// <inheritdoc cref="TraceEvent.PodName"/>
    public string? PodName => Container?.PodName;

    /// <inheritdoc cref="TraceEvent.PodNamespace"/>
    public string? PodNamespace => Container?.PodNamespace;

    /// <inheritdoc cref="TraceEvent.Container"/>
    internal ContainerFacts? Container { get; }

    internal static Description<SocketOwner> Description { get; } = new(
    [
        Field<SocketOwner>.Number(nameof(ProcessId), o => o.ProcessId),
        Field<SocketOwner>.Text(nameof(Comm), o => o.Comm),
        Field<SocketOwner>.Number(nameof(FileDescriptor), o => o.FileDescriptor),
        Field<SocketOwner>.Time(nameof(StartTime), o => o.StartTime),
        Field<SocketOwner>.Text(nameof(CgroupPath), o => o.CgroupPath),
        Field<SocketOwner>.Text(nameof(Unit), o => o.Unit),
        Field<SocketOwner>.Text(nameof(UserUnit), o => o.UserUnit),
        Field<SocketOwner>.Text(nameof(ContainerId), o => o.ContainerId),
        Field<SocketOwner>.Text(nameof(UserContainerId), o => o.UserContainerId),
        Field<SocketOwner>.Text(nameof(ContainerName), o => o.ContainerName),
        Field<SocketOwner>.Text(nameof(ContainerImage), o => o.ContainerImage),
        Field<SocketOwner>.Text(nameof(ContainerRuntime), o => o.ContainerRuntime),
        Field<SocketOwner>.Text(nameof(PodName), o => o.PodName),
        Field<SocketOwner>.Text(nameof(PodNamespace), o => o.PodNamespace),
    ], []);

    /// <inheritdoc/>
    public override string ToString() => $"{Comm}[{ProcessId}]";
}

using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>What an event consists of besides its sample.</summary>
/// <param name="UtcTicks">When it happened.</param>
/// <param name="Backend">The back end that saw it.</param>
/// <param name="CgroupPath">The caller's cgroup, or nothing.</param>
/// <param name="InterfaceName">The interface that the socket is bound to, or nothing.</param>
/// <param name="Container">What is known of the caller's container; null if nothing is.</param>
/// <param name="SocketUnit">The unit that the socket is of; empty if it is of none, null if that is not known.</param>
/// <param name="SocketUser">The user whose systemd made the socket; null if none did.</param>
/// <param name="Finding">What is being found out about a failure; null if nothing is.</param>
internal readonly record struct EventContext(
    long UtcTicks, Backend Backend, string CgroupPath = "", string InterfaceName = "", ContainerFacts? Container = null, string? SocketUnit = null,
    uint? SocketUser = null, Task<BindFinding>? Finding = null);

/// <summary>
/// Looks up what samples give only as a number, and what may soon be gone. The thread that reads the samples does so
/// at once. Names of users and services are looked up when they are read: they last, and a name service may take seconds.
/// No look-up that fails ends a trace.
/// </summary>
internal sealed class EventEnricher
{
    private KernelClock _clock;

    /// <exception cref="TraceException"><c>ClockUnknown</c>.</exception>
    public EventEnricher() => _clock.Synchronize();

    /// <summary>Before the first of samples that are read together.</summary>
    public void BeginBatch() => _clock.Synchronize();

    /// <summary>What belongs to one sample.</summary>
    public EventContext LookUp(in SampleOrigin origin, uint interfaceIndex, Backend backend)
    {
        string cgroupPath = Cgroups.PathOf(origin.CgroupId);
        string socketPath =
            origin.SocketCgroupId == 0 ? "" : origin.SocketCgroupId == origin.CgroupId ? cgroupPath : Cgroups.PathOf(origin.SocketCgroupId);
        return new(
            _clock.ToUtcTicks(origin.Time),
            backend,
            cgroupPath,
            NetworkInterfaces.NameOf(interfaceIndex, origin.NetworkNamespace, origin.ThreadId),
            Containers.Of(cgroupPath),
            origin is { SocketCgroupId: 0, Inode: 0 } ? "" : SocketUnits.Of(socketPath),
            SocketUnits.UserOfManager(socketPath));
    }
}

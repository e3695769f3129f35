using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>What every event has: when it happened, who caused it, and how it ended.</summary>
public abstract class TraceEvent
{
    private static readonly LookUpCache<UInt128, string> s_comms = new(4096, Timeout.InfiniteTimeSpan);

    private protected TraceEvent(in SampleOrigin origin, in EventContext context)
    {
        KernelTime = (long)origin.Time;
        Time = new DateTime(context.UtcTicks, DateTimeKind.Utc).ToLocalTime();
        Uid = origin.Uid;
        Gid = origin.Gid;
        ProcessId = (int)(origin.ProcessId & ~SampleOrigin.HostId);
        ThreadId = (int)(origin.ThreadId & ~SampleOrigin.HostId);
        ParentProcessId = (int)(origin.ParentProcessId & ~SampleOrigin.HostId);
        IsHostProcessId = (origin.ProcessId & SampleOrigin.HostId) != 0;
        Comm = CommOf(origin.Comm);
        ErrorCode = origin.ErrorCode;
        NetworkNamespace = origin.NetworkNamespace;
        MountNamespace = origin.MountNamespace;
        CgroupId = origin.CgroupId;
        Inode = (long)origin.Inode;
        CgroupPath = context.CgroupPath;
        Container = context.Container;
        SocketCgroupId = origin.SocketCgroupId;
        SocketUnit = context.SocketUnit;
        SocketUser = context.SocketUser;
        Finding = context.Finding;
        InterfaceName = context.InterfaceName;
        Backend = BackendName(context.Backend);
    }

    // A kind of event overrides what is to come before its own properties: reflection, and with it Export-Csv and
    // ConvertTo-Json, lists what the most derived class declares first.

    /// <summary>When the call returned: local time, from the kernel's clock.</summary>
    public virtual DateTime Time { get; }

    /// <summary>
    /// <see cref="Time"/> as ISO 8601 has it, to the microsecond and with the offset from UTC. It comes through CSV and
    /// every culture as it is.
    /// </summary>
    public virtual string Timestamp => TimestampOf(Time);

    /// <summary>
    /// The same moment in nanoseconds since the machine booted (CLOCK_BOOTTIME outside of time namespaces), which no
    /// clock step moves.
    /// </summary>
    public virtual long KernelTime { get; }

    /// <summary>
    /// Seconds since the first event that this event's trace emitted, by the same clock; 0 of that one,
    /// and of any that returned a moment before it on another processor. A number, for JSON has no time spans.
    /// </summary>
    public virtual double ElapsedSeconds => Math.Max(0, KernelTime - FirstKernelTime) / 1e9;

    internal long FirstKernelTime { get; set; }

    /// <summary>The caller's real user id, as the host numbers it.</summary>
    public virtual uint Uid { get; }

    /// <summary>The caller's real group id, as the host numbers it.</summary>
    public virtual uint Gid { get; }

    /// <summary>The name of <see cref="Uid"/> on this machine, or the number.</summary>
    public virtual string UserName => Users.NameOf(Uid);

    /// <summary>
    /// The process, by the id that this process's own /proc shows; see <see cref="IsHostProcessId"/> for those that it
    /// does not show.
    /// </summary>
    public virtual int ProcessId { get; }

    /// <summary>The thread that made the call.</summary>
    public virtual int ThreadId { get; }

    /// <summary>The process's parent at that moment; 0 if /proc shows the process and not its parent, as for getppid(2).</summary>
    public virtual int ParentProcessId { get; }

    /// <summary>
    /// Whether <see cref="ProcessId"/>, <see cref="ThreadId"/> and <see cref="ParentProcessId"/> are the host's, since the
    /// process is outside of the PID namespace that /proc shows: then /proc knows other processes by them, if any.
    /// </summary>
    public virtual bool IsHostProcessId { get; }

    /// <summary>The thread's name, safe to print; see <see cref="DisplayText"/> for how bytes are escaped.</summary>
    public virtual string Comm { get; }

    /// <summary>0, or a positive errno.</summary>
    public int ErrorCode { get; }

    /// <summary>The name of <see cref="ErrorCode"/> such as EADDRINUSE; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>The text of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorMessage => ErrorCode == 0 ? "" : Errno.TextOf(ErrorCode);

    /// <summary>Inode number of the socket's network namespace.</summary>
    public uint NetworkNamespace { get; }

    /// <summary>Inode number of the caller's mount namespace.</summary>
    public uint MountNamespace { get; }

    /// <summary>
    /// The socket's inode number, as <see cref="BindSocket.Inode"/>, /proc/PID/fd and "ss -e" show it; of an accept that of
    /// the new socket, if it failed of the listening one. 0 when the call named no socket.
    /// </summary>
    public long Inode { get; }

    /// <summary>The caller's cgroup in the version 2 hierarchy.</summary>
    public ulong CgroupId { get; }

    /// <summary>Its path in the hierarchy; empty if it could not be found out.</summary>
    public string CgroupPath { get; }

    /// <summary>
    /// The system's systemd unit that <see cref="CgroupPath"/> belongs to, such as nginx.service; empty if there is
    /// none, null if the path is not known. Only root can choose it.
    /// </summary>
    public string? Unit => CgroupOwner.Of(CgroupPath).Unit;

    /// <summary>The unit of a user's own systemd; empty if there is none, null if not known. Its user can choose it.</summary>
    public string? UserUnit => CgroupOwner.Of(CgroupPath).UserUnit;

    /// <summary>
    /// The system's .socket unit that systemd made the socket for, whichever process makes the call; empty if it was made for
    /// none, null if that is not known. Only root can choose it.
    /// </summary>
    public string? SocketUnit { get; }

    /// <summary>
    /// The service that systemd starts for <see cref="SocketUnit"/>, according to its unit files when read; empty without such a
    /// unit, null if it is not known.
    /// </summary>
    public string? ActivatedUnit => SocketUnits.ServiceOf(SocketUnit);

    /// <summary>
    /// The .socket unit of a user that the user's own systemd made the socket for, as the user's files say when asked for;
    /// empty if it was made for none, null if that is not known. Its user can choose it.
    /// </summary>
    public string? UserSocketUnit => SocketUser is { } uid ? UserSocketUnits.Of(uid, LocalEnd.ProtocolNumber, LocalEnd.Port) : SocketUnit is null ? null : "";

    /// <summary>The service that the user's systemd starts for <see cref="UserSocketUnit"/>; likewise.</summary>
    public string? UserActivatedUnit => SocketUser is { } uid ? UserSocketUnits.ServiceOf(uid, LocalEnd.ProtocolNumber, LocalEnd.Port) : SocketUnit is null ? null : "";

    /// <summary>
    /// The container, as the system's engine calls it; empty outside of containers, null if not known. Only root can
    /// choose it.
    /// </summary>
    public string? ContainerId => CgroupOwner.Of(CgroupPath).ContainerId;

    /// <summary>
    /// The innermost container below a user's manager (rootless engines), a delegated unit or another container; empty
    /// if there is none, null if not known. Those who run there can choose it.
    /// </summary>
    public string? UserContainerId => CgroupOwner.Of(CgroupPath).UserContainerId;

    /// <summary>
    /// The name of the container of <see cref="ContainerId"/>; empty outside of containers, null if not known. It is
    /// chosen when the container is started; processes in the container cannot choose it.
    /// </summary>
    public string? ContainerName => Container?.Name;

    /// <summary>The image of the container, as written when it was started; likewise.</summary>
    public string? ContainerImage => Container?.Image;

    /// <summary>The engine: docker, containerd, cri-o, podman, lxc or systemd-nspawn; likewise.</summary>
    public string? ContainerRuntime => Container?.Runtime;

    /// <summary>The Kubernetes pod that the container is of; empty without a pod, null if not known.</summary>
    public string? PodName => Container?.PodName;

    /// <summary>The pod's namespace; likewise.</summary>
    public string? PodNamespace => Container?.PodNamespace;

    /// <summary>The cgroup that the socket was made in; 0 without a socket, or where the kernel does not show it.</summary>
    internal ulong SocketCgroupId { get; }

    /// <summary>The user whose systemd made the socket; null if none did.</summary>
    internal uint? SocketUser { get; }

    /// <summary>What is known of the container; null if nothing is.</summary>
    internal ContainerFacts? Container { get; }

    /// <summary>What is being found out about a failure; null if nothing is.</summary>
    internal Task<BindFinding>? Finding { get; }

    /// <summary>
    /// What was found out. Waits until it is known, some milliseconds after the call; null for what was not to be explained.
    /// </summary>
    private protected BindFinding? Found => Finding?.GetAwaiter().GetResult();

    /// <summary>
    /// The program that the process runs now, looked up when read; empty once the process has ended, or where
    /// /proc does not show it.
    /// </summary>
    public string ProcessPath => IsHostProcessId ? "" : Processes.PathOf(ProcessId, KernelTime);

    /// <summary>
    /// The name of the interface that the socket is bound to, in the socket's network namespace; empty if there is
    /// none or it could not be found out.
    /// </summary>
    public virtual string InterfaceName { get; }

    /// <summary>The back end that saw it: Cgroup, Fentry, Kprobe or Tracepoint.</summary>
    public string Backend { get; }

    /// <summary>Its kind.</summary>
    internal abstract EventDefinition Kind { get; }

    /// <summary>The socket's own end, as metrics count it.</summary>
    internal abstract (int ProtocolNumber, string AddressFamily, int Port) LocalEnd { get; }

    /// <summary>Hands over the values of all fields.</summary>
    internal abstract void GiveFields(IFieldReader reader);

    internal static string FamilyName(int family) => family == (int)IPFamily.IPv4 ? nameof(IPFamily.IPv4) : nameof(IPFamily.IPv6);

    /// <summary>As inet_ntop(3) writes it, which .NET does not do of every IPv6 address.</summary>
    internal static unsafe string AddressText(in AddressBytes address, int family, uint scopeId)
    {
        const int Size = 64;
        ReadOnlySpan<byte> bytes = address;
        if (family == (int)IPFamily.IPv4)
        {
            // A quarter of the time that inet_ntop(3) takes, which would be the most of an event's.
            return string.Create(CultureInfo.InvariantCulture, $"{bytes[0]}.{bytes[1]}.{bytes[2]}.{bytes[3]}");
        }

        byte* buffer = stackalloc byte[Size];
        fixed (byte* source = bytes)
        {
            Libc.inet_ntop(family, source, buffer, Size);
        }

        string text = Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer));
        bool isLinkLocal = family == (int)IPFamily.IPv6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
        return isLinkLocal && scopeId != 0 ? string.Create(CultureInfo.InvariantCulture, $"{text}%{scopeId}") : text;
    }

    internal static string TimestampOf(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture);

    [return: NotNullIfNotNull(nameof(address))]
    internal static string? EndpointText(string? address, int port) =>
        address is null ? null
        : address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}"
        : $"{address}:{port}";

    private static string BackendName(Backend backend) => backend switch
    {
        BindSnoop.Backend.Fentry => nameof(BindSnoop.Backend.Fentry),
        BindSnoop.Backend.Cgroup => nameof(BindSnoop.Backend.Cgroup),
        BindSnoop.Backend.Kprobe => nameof(BindSnoop.Backend.Kprobe),
        _ => nameof(BindSnoop.Backend.Tracepoint),
    };

    internal static string CommOf(in CommBytes comm)
    {
        ReadOnlySpan<byte> bytes = comm;
        UInt128 key = MemoryMarshal.Read<UInt128>(bytes);
        if (s_comms.TryGet(key, out string? known))
        {
            return known!;
        }

        int length = bytes.IndexOf((byte)0);
        return s_comms.Remember(key, DisplayText.Escape(length < 0 ? bytes : bytes[..length]))!;
    }
}

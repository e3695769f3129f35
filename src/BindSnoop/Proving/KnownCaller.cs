using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Proving;

/// <summary>
/// The caller in a proof, as far as this thread can know about itself: unknown values are null, and are not compared.
/// </summary>
internal sealed unsafe class KnownCaller
{
    // PROC_USER_INIT_INO and PROC_CGROUP_INIT_INO of include/linux/proc_ns.h; the root of cgroup v2 has the first id.
    private const uint InitialUser = 4026531837;
    private const uint InitialCgroup = 4026531835;
    private const ulong RootCgroup = 1;

    /// <param name="initialId">The thread, as programs know it.</param>
    public KnownCaller(uint initialId)
    {
        InitialThreadId = initialId;

        // By the numbers of /proc: PID/task/TID.
        string[] link = (new FileInfo("/proc/thread-self").LinkTarget ?? "").Split('/');
        if (link.Length == 3 && int.TryParse(link[0], out int process) && int.TryParse(link[2], out int thread))
        {
            ProcessId = process;
            ThreadId = thread;
            ParentProcessId = process == Environment.ProcessId ? Libc.getppid() : null;
        }

        if (Namespaces.InodeOf("/proc/thread-self/ns/user") == InitialUser)
        {
            Uid = Libc.getuid();
            Gid = Libc.getgid();
        }

        NetworkNamespace = Known(Namespaces.InodeOf("/proc/thread-self/ns/net"));
        MountNamespace = Known(Namespaces.InodeOf("/proc/thread-self/ns/mnt"));
        CgroupId = ReadCgroupId();

        Span<byte> comm = stackalloc byte[Names.ThreadName.Size];
        comm.Clear();
        fixed (byte* name = comm)
        {
            _ = Libc.prctl(Libc.PR_GET_NAME, name);
        }

        Comm = DisplayText.Escape(comm[..comm.IndexOf((byte)0)]);
    }

    /// <summary>In the initial PID namespace.</summary>
    public uint InitialThreadId { get; }

    /// <summary>By the numbers of /proc, as the two below.</summary>
    public int? ProcessId { get; }

    public int? ThreadId { get; }

    public int? ParentProcessId { get; }

    public uint? Uid { get; }

    public uint? Gid { get; }

    public uint? NetworkNamespace { get; }

    public uint? MountNamespace { get; }

    public ulong? CgroupId { get; }

    public string Comm { get; }

    private static uint? Known(uint inode) => inode != 0 ? inode : null;

    // Only where the hierarchy is seen from its root is a path one from there.
    private static ulong? ReadCgroupId()
    {
        const string Prefix = "0::";
        if (Namespaces.InodeOf("/proc/thread-self/ns/cgroup") != InitialCgroup || Cgroups.MountPoint is not { } mountPoint ||
            InodeOf(mountPoint) != RootCgroup)
        {
            return null;
        }

        foreach (string line in SystemFile.ReadText("/proc/thread-self/cgroup").Split('\n'))
        {
            if (line.StartsWith(Prefix, StringComparison.Ordinal))
            {
                return InodeOf(mountPoint + line[Prefix.Length..]) is var id and not 0 ? id : null;
            }
        }

        return null;
    }

    private static ulong InodeOf(string path)
    {
        using FileDescriptor directory = Libc.open(path, Libc.O_PATH | Libc.O_CLOEXEC);
        return directory.IsInvalid ? 0 : Libc.InodeOf(directory);
    }
}

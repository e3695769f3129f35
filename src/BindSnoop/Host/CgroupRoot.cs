using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>The root of the cgroup v2 hierarchy, where a program sees the sockets of all cgroups.</summary>
internal static class CgroupRoot
{
    // The root of kernfs, which no other directory has.
    private const ulong RootInode = 1;

    /// <summary>Opens it, mounted or not.</summary>
    /// <exception cref="TraceException"><c>CgroupRootNotVisible</c>, <c>CgroupsUnavailable</c>.</exception>
    public static FileDescriptor Open()
    {
        if (Cgroups.MountPoint is { } mountPoint)
        {
            FileDescriptor mounted = Libc.open(mountPoint, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
            if (!mounted.IsInvalid && Cgroups.IsCgroup2(mounted) && Libc.InodeOf(mounted) == RootInode)
            {
                return mounted;
            }

            mounted.Dispose();
        }

        FileDescriptor root = DetachedMount.Of("cgroup2", out int errno);
        if (root.IsInvalid)
        {
            throw TraceException.FromErrno(
                "CgroupsUnavailable",
                "The cgroup v2 hierarchy, where this back end attaches its programs, could not be opened",
                errno,
                "Mount it: 'mount -t cgroup2 none /sys/fs/cgroup'; or use another back end.",
                refusesBackend: true);
        }

        if (Libc.InodeOf(root) == RootInode)
        {
            return root;
        }

        root.Dispose();
        throw new TraceException(
            "CgroupRootNotVisible",
            TraceErrorKind.NotImplemented,
            "This process is in a cgroup namespace, so it cannot see the root of the cgroup hierarchy, where this back end attaches its programs.",
            "Run in the host's cgroup namespace (as docker run --cgroupns host does), or use another back end.")
        {
            RefusesBackend = true,
        };
    }
}

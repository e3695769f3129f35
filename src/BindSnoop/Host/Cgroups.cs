using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>The cgroup v2 hierarchy: paths of ids, and directories of paths.</summary>
internal static unsafe class Cgroups
{
    private const int FileHandleTypeKernfs = 0xfe;

    // Deeper still, a path stays unknown: its maker must not be able to keep the reader busy.
    private const int MostParents = 512;
    private const string Unnamed = "/…";

    // Ids are never used again, and version 2 renames no cgroup (rename is cgroup1_kf_syscall_ops' alone).
    private static readonly LookUpCache<ulong, string> s_paths = new(16384, Timeout.InfiniteTimeSpan);

    private static readonly LookUpCache<int, string> s_mountPoint = new(1, Timeout.InfiniteTimeSpan);

    /// <summary>Where cgroup v2 is mounted, on a hybrid host too; null if it is not.</summary>
    public static string? MountPoint => s_mountPoint.TryGet(0, out string? known) ? known : s_mountPoint.Remember(0, FindMountPoint());

    /// <summary>
    /// The path in the hierarchy, as /proc/PID/cgroup shows it ("/user.slice/…"), or nothing if the
    /// cgroup is gone, cgroup v2 is not mounted, or CAP_DAC_READ_SEARCH is missing.
    /// </summary>
    public static string PathOf(ulong id) => (s_paths.TryGet(id, out string? known) ? known : s_paths.Remember(id, LookUp(id))) ?? "";

    /// <summary>All cgroups there are now, by their paths as events show them, and whose they are.</summary>
    public static IEnumerable<(string Path, CgroupOwner Owner)> Owners() =>
        from directory in MountPoint is { } mount
            ? Directory.EnumerateDirectories(mount, "*", new EnumerationOptions { RecurseSubdirectories = true })
            : []
        let path = DisplayText.Escape(directory[MountPoint!.Length..])
        select (path, CgroupOwner.Of(path));

    /// <summary>The path of a process's cgroup; nothing if the process has ended.</summary>
    public static string PathOfProcess(int processId)
    {
        // cgroups(7): the line "0::PATH" is that of version 2.
        const string Prefix = "0::";
        string? line = SystemFile.ReadText($"/proc/{processId}/cgroup").Split('\n').FirstOrDefault(l => l.StartsWith(Prefix, StringComparison.Ordinal));
        return line is null ? "" : DisplayText.EscapeUnsafe(line[Prefix.Length..]);
    }

    /// <summary>Opens the directory of a cgroup named by its path in the file system or in the hierarchy.</summary>
    /// <exception cref="TraceException"><c>CgroupNotFound</c>.</exception>
    public static FileDescriptor Open(string path)
    {
        if (path.Length > 0 && !path.Contains('\0'))
        {
            string[] candidates = MountPoint is { } mount ? [path, $"{mount}/{path.TrimStart('/')}"] : [path];
            foreach (string candidate in candidates)
            {
                FileDescriptor directory = Libc.open(candidate, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
                if (!directory.IsInvalid && IsCgroup2(directory))
                {
                    return directory;
                }

                directory.Dispose();
            }
        }

        throw new TraceException(
            "CgroupNotFound",
            TraceErrorKind.ObjectNotFound,
            $"'{DisplayText.Escape(path)}' is not a cgroup of the version 2 hierarchy.",
            MountPoint is { } at
                ? $"Give a directory below {at}, or its path within it, as in the line '0::' of /proc/PID/cgroup."
                : "Cgroup v2 is not mounted on this machine: 'mount -t cgroup2 none /sys/fs/cgroup'.",
            path);
    }

    /// <summary>Whether an open directory is of the version 2 hierarchy.</summary>
    public static bool IsCgroup2(FileDescriptor directory)
    {
        // struct statfs begins with the magic number and is smaller than this.
        long* buffer = stackalloc long[32];
        return Libc.fstatfs(directory, buffer) == 0 && buffer[0] == Libc.CGROUP2_SUPER_MAGIC;
    }

    private static string? LookUp(ulong id)
    {
        if (MountPoint is not { } mountPoint)
        {
            return null;
        }

        using FileDescriptor mount = Libc.open(mountPoint, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
        if (mount.IsInvalid)
        {
            return null;
        }

        // struct file_handle (open_by_handle_at(2)): size, type, then the cgroup's id.
        int* handle = stackalloc int[4];
        handle[0] = sizeof(ulong);
        handle[1] = FileHandleTypeKernfs;
        *(ulong*)(handle + 2) = id;
        using FileDescriptor directory = new(Libc.open_by_handle_at(mount, handle, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC));
        if (directory.IsInvalid)
        {
            return null;
        }

        // Removed in this very moment: then /proc says so behind the path.
        const string Removed = " (deleted)";
        string? path = PathOf(directory, out string rest);
        if (path is not null && path.EndsWith(Removed, StringComparison.Ordinal) && !Directory.Exists(path))
        {
            path = path[..^Removed.Length];
        }

        return path is null || !path.StartsWith(mountPoint, StringComparison.Ordinal) ? null
            : path.Length + rest.Length == mountPoint.Length ? "/" : DisplayText.Escape(path[mountPoint.Length..]) + rest;
    }

    /// <summary>
    /// The path of an open directory. The kernel gives none longer than a page (d_path), but anyone to whom a cgroup was
    /// delegated can make one: then it is the path of the nearest parent that has one, and an ellipsis for the rest.
    /// What a unit and a container are read off stands at the beginning.
    /// </summary>
    private static string? PathOf(FileDescriptor directory, out string rest)
    {
        rest = "";
        string self = $"/proc/self/fd/{directory.Value}";
        string? path = new FileInfo(self).LinkTarget;
        FileDescriptor? parent = null;
        for (int i = 0; path is null && i < MostParents; i++)
        {
            rest = Unnamed;
            FileDescriptor next = Libc.open($"{self}/..", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
            parent?.Dispose();
            parent = next;
            if (parent.IsInvalid)
            {
                break;
            }

            self = $"/proc/self/fd/{parent.Value}";
            path = new FileInfo(self).LinkTarget;
        }

        parent?.Dispose();
        return path;
    }

    private static string? FindMountPoint()
    {
        try
        {
            // proc(5), mountinfo: … mount-point options [optional…] - type source options
            foreach (string line in File.ReadLines("/proc/self/mountinfo"))
            {
                string[] fields = line.Split(' ');
                if (line.Contains(" - cgroup2 ", StringComparison.Ordinal))
                {
                    return fields[4];
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }

        return null;
    }
}

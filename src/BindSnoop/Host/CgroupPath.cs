using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>A cgroup by the names that lead to it from the top of its file system, whether it is there or not.</summary>
internal sealed unsafe class CgroupPath : IDisposable
{
    private const int PathSize = 4096;

    private readonly FileDescriptor _top;

    private CgroupPath(FileDescriptor top, byte[][] names)
    {
        _top = top;
        Names = names;
    }

    /// <summary>The names, the outermost first; none of the top itself.</summary>
    public IReadOnlyList<byte[]> Names { get; }

    /// <summary>Finds one that is there, by its path in the file system or in the hierarchy.</summary>
    /// <exception cref="TraceException"><c>CgroupNotFound</c>.</exception>
    public static CgroupPath Find(string given)
    {
        FileDescriptor directory = Cgroups.Open(given);
        List<byte[]> path = PartsOf(directory);

        // Upwards as long as there are cgroups: any mount of them may have led there.
        int depth = 0;
        for (; depth < path.Count; depth++)
        {
            FileDescriptor parent = Libc.openat(directory, "..", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
            if (parent.IsInvalid || !Cgroups.IsCgroup2(parent))
            {
                parent.Dispose();
                break;
            }

            directory.Dispose();
            directory = parent;
        }

        return new CgroupPath(directory, [.. path[^depth..]]);
    }

    /// <summary>Walks down, and opens what the names lead to now; null if one of them is missing.</summary>
    /// <param name="before">Called before each step, with the id of the cgroup and how many names have led there.</param>
    public FileDescriptor? Open(Action<ulong, int> before)
    {
        FileDescriptor directory = Libc.openat(_top, ".", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
        for (int depth = 0; depth < Names.Count && !directory.IsInvalid; depth++)
        {
            before(Libc.InodeOf(directory), depth);
            FileDescriptor next;
            fixed (byte* name = (byte[])[.. Names[depth], 0])
            {
                next = Libc.openat(directory, name, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
            }

            directory.Dispose();
            directory = next;
        }

        if (directory.IsInvalid)
        {
            directory.Dispose();
            return null;
        }

        return directory;
    }

    public void Dispose() => _top.Dispose();

    private static List<byte[]> PartsOf(FileDescriptor directory)
    {
        byte* target = stackalloc byte[PathSize];
        nint length = Libc.readlink($"/proc/self/fd/{directory.Value}", target, PathSize);
        List<byte[]> parts = [];
        ReadOnlySpan<byte> rest = new(target, (int)Math.Max(length, 0));
        while (rest.IndexOf((byte)'/') is >= 0 and int slash)
        {
            rest = rest[(slash + 1)..];
            int end = rest.IndexOf((byte)'/');
            parts.Add((end < 0 ? rest : rest[..end]).ToArray());
        }

        return parts;
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Network namespaces, by inode number, by name, or by path.</summary>
internal static unsafe class NetworkNamespaces
{
    // Where ip-netns(8) keeps them.
    private const string NamesFolder = "/run/netns";

    private const long NsfsMagic = 0x6e736673;

    // ioctl_ns(2).
    private const uint NsGetType = 0xb703;

    /// <summary>The names that ip-netns(8) has given.</summary>
    public static IReadOnlyList<string> Names => Directory.Exists(NamesFolder)
        ? [.. Directory.EnumerateFiles(NamesFolder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The namespace of this process; 0 where /proc does not show it.</summary>
    public static uint Own => InodeOf("/proc/self/ns/net") ?? 0;

    /// <summary>Reads an inode number, a name of ip-netns(8), or a path such as /proc/1/ns/net.</summary>
    /// <returns>The inode number.</returns>
    /// <exception cref="TraceException"><c>NetworkNamespaceNotFound</c>.</exception>
    public static uint Parse(string text)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint inode) && inode != 0)
        {
            return inode;
        }

        if (text.Length > 0 && !text.Contains('\0') &&
            InodeOf(text.Contains('/', StringComparison.Ordinal) ? text : $"{NamesFolder}/{text}") is { } found)
        {
            return found;
        }

        throw new TraceException(
            "NetworkNamespaceNotFound",
            TraceErrorKind.ObjectNotFound,
            $"'{DisplayText.Escape(text)}' is not a network namespace.",
            "Give an inode number such as 'lsns -t net' prints, a name from 'ip netns', or a path such as /proc/1/ns/net.",
            text);
    }

    /// <summary>The inode number of the network namespace that a path leads to, or null.</summary>
    public static uint? InodeOf(string path)
    {
        // Before anything is opened: a pipe would make us wait.
        long* status = stackalloc long[32];
        if (Libc.statfs(path, status) != 0 || status[0] != NsfsMagic)
        {
            return null;
        }

        using FileDescriptor file = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC);
        return file.IsInvalid || Libc.ioctl(file, NsGetType, 0) != Libc.CLONE_NEWNET ? null : (uint)Libc.InodeOf(file);
    }

    /// <summary>The namespaces of all processes that can be looked at, and those with names, each with a path to it; names come first.</summary>
    public static IReadOnlyDictionary<uint, string> Paths()
    {
        Dictionary<uint, string> paths = [];
        foreach (string name in Names)
        {
            if (InodeOf($"{NamesFolder}/{name}") is { } inode)
            {
                paths.TryAdd(inode, $"{NamesFolder}/{name}");
            }
        }

        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (char.IsAsciiDigit(Path.GetFileName(process)[0]) && Namespaces.InodeOf($"{process}/ns/net") is not 0 and uint inode)
            {
                paths.TryAdd(inode, $"{process}/ns/net");
            }
        }

        return paths;
    }

    /// <summary>Does something in a network namespace, on a thread of its own; false where it may not be entered or is gone.</summary>
    /// <param name="action">Gets the namespace's file.</param>
    public static bool TryEnter(uint inode, string path, Action<FileDescriptor> action)
    {
        bool entered = false;

        // A thread that has changed its namespace can serve nothing else afterwards.
        Thread thread = new(() =>
        {
            using FileDescriptor target = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            if (!target.IsInvalid && Libc.InodeOf(target) == inode && Libc.setns(target, Libc.CLONE_NEWNET) == 0)
            {
                entered = true;
                action(target);
            }
        });
        thread.IsBackground = true;
        thread.Start();
        thread.Join();
        return entered;
    }
}

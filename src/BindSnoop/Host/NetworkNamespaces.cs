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

    /// <summary>What stands for the host's own, which the kernel itself is in.</summary>
    public const string Host = "Host";

    /// <summary>The names that ip-netns(8) has given.</summary>
    public static IReadOnlyList<string> Names => Directory.Exists(NamesFolder)
        ? [.. Directory.EnumerateFiles(NamesFolder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The namespace of this process; 0 if /proc does not show it.</summary>
    public static uint Own => InodeOf("/proc/self/ns/net") ?? 0;

    /// <summary>Reads an inode number, a name of ip-netns(8), a path such as /proc/1/ns/net, or <see cref="Host"/> in any case.</summary>
    /// <returns>The inode number.</returns>
    /// <exception cref="TraceException"><c>NetworkNamespaceNotFound</c>, <c>HostNamespaceNotFound</c>.</exception>
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

        // Who has called a namespace so means that one.
        if (text.Equals(Host, StringComparison.OrdinalIgnoreCase))
        {
            return OfHost();
        }

        throw new TraceException(
            "NetworkNamespaceNotFound",
            TraceErrorKind.ObjectNotFound,
            $"'{DisplayText.Escape(text)}' is not a network namespace.",
            "Give an inode number as 'lsns -t net' prints it, a name from 'ip netns', a path such as /proc/1/ns/net, or Host.",
            text);
    }

    // Kernel threads never leave it. The first of them has that number where /proc shows all processes, which /proc of the host's
    // root directory does in a container.
    private static uint OfHost()
    {
        const string First = "/proc/2";
        string path = (Processes.SeesAll ? "" : HostRoot.Path) + First;
        return (Processes.IsKernelThread(path) ? InodeOf($"{path}/ns/net") : null) ?? throw new TraceException(
            "HostNamespaceNotFound",
            TraceErrorKind.ObjectNotFound,
            "The host's network namespace cannot be looked up: that requires root and the host's /proc.",
            $"Run as root in the host's PID namespace, set {HostRoot.Variable} to where the host's root directory is mounted, or give the namespace's inode number.");
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

    /// <summary>Does something in a network namespace, on a thread of its own; false if it may not be entered or is gone.</summary>
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

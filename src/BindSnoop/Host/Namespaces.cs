using System.Globalization;

namespace BindSnoop.Host;

/// <summary>The namespaces that this process is in (namespaces(7)).</summary>
internal static class Namespaces
{
    // PROC_PID_INIT_INO and PROC_TIME_INIT_INO of include/linux/proc_ns.h.
    private const uint InitialPid = 4026531836;
    private const uint InitialTime = 4026531834;

    private static readonly Lazy<uint> s_pidOfProc = new(FindPidOfProc);

    private static readonly Lazy<long> s_bootTimeOffset = new(ReadBootTimeOffset, LazyThreadSafetyMode.PublicationOnly);

    /// <summary>
    /// The PID namespace whose ids /proc shows, as the inode number; 0 for the initial one. It need not be that of this
    /// process: /proc may have been mounted outside of it.
    /// </summary>
    public static uint PidOfProc => s_pidOfProc.Value;

    /// <summary>How far CLOCK_BOOTTIME is ahead of the machine's in this process (time_namespaces(7)), in nanoseconds.</summary>
    /// <exception cref="TraceException"><c>ClockUnknown</c>.</exception>
    public static long BootTimeOffset => s_bootTimeOffset.Value;

    /// <summary>The inode number in a link such as <c>/proc/self/ns/net</c>, or 0.</summary>
    public static uint InodeOf(string path)
    {
        try
        {
            // net:[4026531840]
            string? target = new FileInfo(path).LinkTarget;
            return target is not null && uint.TryParse(target.AsSpan()[(target.IndexOf('[') + 1)..^1], out uint inode) ? inode : 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static uint FindPidOfProc()
    {
        // proc_pid_status(5): one number for each namespace, from that of the mount of /proc to the process's own.
        const string Field = "NSpid:";
        string? line = SystemFile.ReadText("/proc/self/status").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
        bool isOwn = line is null || line[Field.Length..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length < 2;
        uint inode = InodeOf(isOwn ? "/proc/self/ns/pid" : "/proc/1/ns/pid");
        return inode == InitialPid ? 0 : inode;
    }

    private static long ReadBootTimeOffset()
    {
        uint own = InodeOf("/proc/self/ns/time");

        // 0 before 5.6, which has none.
        if (own is 0 or InitialTime)
        {
            return 0;
        }

        // The file has the offsets of the namespace that children will be in.
        if (InodeOf("/proc/self/ns/time_for_children") == own)
        {
            string[]? fields = SystemFile.ReadText("/proc/self/timens_offsets").Split('\n')
                .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(f => f is ["boottime", _, _]);
            if (fields is not null &&
                long.TryParse(fields[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long seconds) &&
                long.TryParse(fields[2], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long nanoseconds))
            {
                return (seconds * 1_000_000_000) + nanoseconds;
            }
        }

        throw new TraceException(
            "ClockUnknown",
            TraceErrorKind.InvalidOperation,
            "This process is in a time namespace whose offset to the machine's clock cannot be read.",
            "Start it as a child of the process that created the time namespace ('unshare --time --fork'), and make sure that /proc is mounted.");
    }
}

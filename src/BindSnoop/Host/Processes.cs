using System.Globalization;
using System.Text;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>What /proc shows of processes.</summary>
internal static unsafe class Processes
{
    private const int PathSize = 4096;

    // USER_HZ, the unit of times in /proc, is 100 on every architecture that there are programs for.
    private const long NanosecondsPerTick = 10_000_000;

    /// <summary>Whether /proc shows all processes.</summary>
    public static bool SeesAll => Namespaces.PidOfProc == 0;

    /// <summary>
    /// The program that a process runs, or nothing if it has ended (even if its id is in use again), is a
    /// kernel thread, or cannot be looked at.
    /// </summary>
    /// <param name="processId">An id as /proc has it.</param>
    /// <param name="kernelTime">A moment at which it was there, in nanoseconds since boot.</param>
    public static string PathOf(int processId, long kernelTime)
    {
        string path = ReadLink($"/proc/{processId}/exe");
        return path.Length > 0 && StartOf(processId) is { } start && start <= kernelTime ? path : "";
    }

    /// <summary>Whose process it is: its real user, as this process's user namespace numbers him; null if it has ended.</summary>
    public static uint? UidOf(int processId)
    {
        // Not the owner of its files in /proc, which is root where a process may not be dumped.
        const string Field = "Uid:";
        string? line = SystemFile.ReadText($"/proc/{processId}/status").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
        return line is not null && uint.TryParse(line[Field.Length..].Split('\t', StringSplitOptions.RemoveEmptyEntries)[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint uid)
            ? uid
            : null;
    }

    /// <summary>The name of a process's first thread, safe to print; nothing if the process has ended.</summary>
    public static string CommOf(int processId) => DisplayText.Escape(SystemFile.ReadBytes($"/proc/{processId}/comm").AsSpan().TrimEnd((byte)'\n'));

    /// <summary>The program's name and arguments, which the process can change; nothing if it has ended.</summary>
    public static string[] ArgumentsOf(int processId) => Encoding.UTF8.GetString(SystemFile.ReadBytes($"/proc/{processId}/cmdline")).Split('\0');

    /// <summary>What follows the first argument of one of these names; null if there is none.</summary>
    public static string? ArgumentOf(string[] arguments, params string[] names)
    {
        for (int i = 1; i + 1 < arguments.Length; i++)
        {
            if (names.Contains(arguments[i]))
            {
                return arguments[i + 1];
            }
        }

        return null;
    }

    /// <summary>Whether a process is one of the kernel's own threads.</summary>
    /// <param name="process">Its directory in /proc.</param>
    public static bool IsKernelThread(string process)
    {
        // PF_KTHREAD of include/linux/sched.h.
        const uint KernelThread = 0x200000;
        const int Flags = 9 - 3;
        return FieldsOf(process) is { Length: > Flags } fields && uint.TryParse(fields[Flags], NumberStyles.None, CultureInfo.InvariantCulture, out uint flags) &&
            (flags & KernelThread) != 0;
    }

    /// <summary>When a process began, in nanoseconds since the machine booted, at most a tick too early.</summary>
    public static long? StartOf(int processId)
    {
        const int StartTime = 22 - 3;
        string[] fields = FieldsOf($"/proc/{processId}");
        return fields.Length > StartTime && long.TryParse(fields[StartTime], NumberStyles.None, CultureInfo.InvariantCulture, out long ticks)
            ? (ticks * NanosecondsPerTick) - Namespaces.BootTimeOffset
            : null;
    }

    // proc(5): "pid (comm) state ppid …"; comm may contain anything, so count from behind it.
    private static string[] FieldsOf(string process)
    {
        string text = SystemFile.ReadText($"{process}/stat");
        return text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Where a link leads, safe to print; nothing if it cannot be read.</summary>
    public static string ReadLink(string path)
    {
        byte* target = stackalloc byte[PathSize];
        nint length = Libc.readlink(path, target, PathSize);
        return length > 0 ? DisplayText.Escape(new ReadOnlySpan<byte>(target, (int)length)) : "";
    }
}

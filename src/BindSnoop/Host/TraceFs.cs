using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Reads tracepoint ids, which perf_event_open(2) wants, from tracefs.</summary>
internal static unsafe class TraceFs
{
    private static readonly string[] s_mountPoints = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

    /// <summary>The id of a tracepoint of category <c>syscalls</c>.</summary>
    /// <exception cref="TraceException"><c>TraceFsUnavailable</c> or <c>TracepointNotFound</c>.</exception>
    public static int TracepointId(string name)
    {
        string path = $"events/syscalls/{name}/id";
        foreach (string mountPoint in s_mountPoints)
        {
            if (Directory.Exists($"{mountPoint}/events"))
            {
                using FileDescriptor mounted = Libc.open(mountPoint, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
                return ReadId(mounted, path, Marshal.GetLastPInvokeError());
            }
        }

        // Nobody mounted it, as in many containers: a mount that is attached nowhere will do.
        using FileDescriptor detached = DetachedMount.Of("tracefs", out int errno);
        return ReadId(detached, path, errno);
    }

    private static int ReadId(FileDescriptor root, string path, int errno)
    {
        const string Remedy =
            "Mount it: 'mount -t tracefs tracefs /sys/kernel/tracing'. Reading it requires root, or CAP_DAC_READ_SEARCH if it is mounted.";
        if (root.IsInvalid)
        {
            throw TraceException.FromErrno(
                "TraceFsUnavailable", "Tracepoints require tracefs, which is not mounted here, and mounting it failed", errno, Remedy, refusesBackend: true);
        }

        using FileDescriptor file = Libc.openat(root, path, Libc.O_RDONLY | Libc.O_CLOEXEC);
        if (file.IsInvalid)
        {
            errno = Marshal.GetLastPInvokeError();
            throw errno == Errno.ENOENT
                ? new TraceException(
                    "TracepointNotFound",
                    TraceErrorKind.NotImplemented,
                    $"This kernel has no tracepoint {path[7..^3].Replace('/', ':')}.",
                    "Run a kernel built with CONFIG_FTRACE_SYSCALLS=y, or use another back end.") { RefusesBackend = true }
                : TraceException.FromErrno("TraceFsUnavailable", "Reading tracefs failed", errno, Remedy, refusesBackend: true);
        }

        byte* text = stackalloc byte[32];
        nint length = Libc.read(file, text, 32);
        errno = Marshal.GetLastPInvokeError();
        return length > 0 && int.TryParse(Encoding.ASCII.GetString(text, (int)length), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw TraceException.FromErrno("TraceFsUnavailable", $"Reading {path} of tracefs failed", length < 0 ? errno : Errno.EINVAL, Remedy, refusesBackend: true);
    }
}

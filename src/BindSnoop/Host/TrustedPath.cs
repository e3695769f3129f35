using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Whether only this process's user and root can change what a path leads to.</summary>
internal static unsafe class TrustedPath
{
    private const int PathSize = 4096;

    /// <summary>The path without symbolic links; null, and the error, where it leads nowhere.</summary>
    public static string? Resolve(string path, out int errno)
    {
        byte* resolved = stackalloc byte[PathSize];
        bool found = Libc.realpath(path, resolved) != 0;
        errno = found ? 0 : Marshal.GetLastPInvokeError();
        return found ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(resolved)) : null;
    }

    /// <summary>
    /// Who else could put something else there, in words; null if nobody. What is in a directory with the
    /// sticky bit, such as /tmp, is safe from those it does not belong to.
    /// </summary>
    /// <param name="path">Without symbolic links, beginning at the root.</param>
    public static string? OthersWhoMayChange(string path)
    {
        bool isDirectory = false;
        for (string? part = path; part is not null; part = Path.GetDirectoryName(part))
        {
            if (FileStatus.Of(part, out int errno) is not { } status)
            {
                return $"'{DisplayText.Escape(part)}' cannot be examined: {Errno.Describe(errno)}";
            }

            if (status.OtherOwner is { } other)
            {
                return $"'{DisplayText.Escape(part)}' {other}";
            }

            if (status.IsWritableByOthers && !(isDirectory && status.IsSticky))
            {
                return $"'{DisplayText.Escape(part)}' can be written to by others than its owner";
            }

            isDirectory = true;
        }

        return null;
    }
}

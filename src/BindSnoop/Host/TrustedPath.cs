using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>Whether only this process's user and root can change what a path leads to.</summary>
internal static unsafe class TrustedPath
{
    private const int PathSize = 4096;
    private const int AtCurrentDirectory = -100;
    private const int GroupMayWrite = 0x10;
    private const int OthersMayWrite = 0x2;
    private const int Sticky = 0x200;

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
        // struct statx (statx(2)): uid at 20, gid at 24, mode at 28.
        byte* status = stackalloc byte[256];
        bool isDirectory = false;
        for (string? part = path; part is not null; part = Path.GetDirectoryName(part))
        {
            if (Libc.statx(AtCurrentDirectory, part, 0, Libc.STATX_BASIC_STATS, status) != 0)
            {
                return $"'{DisplayText.Escape(part)}' cannot be looked at: {Errno.Describe(Marshal.GetLastPInvokeError())}";
            }

            uint uid = *(uint*)(status + 20);
            uint gid = *(uint*)(status + 24);
            int mode = *(ushort*)(status + 28);
            if (uid != 0 && uid != Libc.geteuid())
            {
                return string.Create(CultureInfo.InvariantCulture, $"'{DisplayText.Escape(part)}' belongs to {Users.NameOf(uid)}");
            }

            bool othersMayWrite = (mode & OthersMayWrite) != 0 || ((mode & GroupMayWrite) != 0 && gid != 0);
            if (othersMayWrite && !(isDirectory && (mode & Sticky) != 0))
            {
                return $"'{DisplayText.Escape(part)}' is writable by others than its owner";
            }

            isDirectory = true;
        }

        return null;
    }
}

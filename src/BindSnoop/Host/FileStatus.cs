using System.Globalization;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>What statx(2) reports of a file; its record looks the same on every machine.</summary>
/// <param name="Mode">Type and permissions.</param>
/// <param name="Uid">Whose it is.</param>
/// <param name="Gid">Its group.</param>
/// <param name="Links">How many names it has.</param>
/// <param name="Inode">Its inode number.</param>
/// <param name="Modified">When its content was changed, in nanoseconds since 1970.</param>
internal readonly record struct FileStatus(int Mode, uint Uid, uint Gid, uint Links, ulong Inode, long Modified)
{
    private const int TypeMask = 0xf000;
    private const int GroupMayWrite = 0x10;
    private const int OthersMayWrite = 0x2;
    private const int Sticky = 0x200;

    public bool IsRegularFile => (Mode & TypeMask) == 0x8000;

    public bool IsDirectory => (Mode & TypeMask) == 0x4000;

    public bool IsLink => (Mode & TypeMask) == 0xa000;

    public bool IsSticky => (Mode & Sticky) != 0;

    /// <summary>Of a file that belongs to neither root nor the caller: whose it is, in words; else null.</summary>
    public string? OtherOwner => Uid == 0 || Uid == Libc.geteuid() ? null : string.Create(CultureInfo.InvariantCulture, $"belongs to {Users.NameOf(Uid)}");

    /// <summary>Whether others than its owner and root may write to it, as far as permissions say so.</summary>
    public bool IsWritableByOthers => (Mode & OthersMayWrite) != 0 || ((Mode & GroupMayWrite) != 0 && Gid != 0);

    /// <summary>Of what lies under a name in a directory, a link itself and not where it leads; null, and the error, if it cannot be looked at.</summary>
    public static unsafe FileStatus? Of(FileDescriptor directory, string name, out int errno)
    {
        byte* status = stackalloc byte[Libc.StatusSize];
        int result = Libc.statx(directory, name, Libc.AT_SYMLINK_NOFOLLOW | (name.Length == 0 ? Libc.AT_EMPTY_PATH : 0), Libc.STATX_BASIC_STATS, status);
        return Read(result, status, out errno);
    }

    /// <summary>Of what is open.</summary>
    public static FileStatus? Of(FileDescriptor open, out int errno) => Of(open, "", out errno);

    /// <summary>Of what a path leads to.</summary>
    public static unsafe FileStatus? Of(string path, out int errno)
    {
        byte* status = stackalloc byte[Libc.StatusSize];
        return Read(Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_BASIC_STATS, status), status, out errno);
    }

    // struct statx: nlink at 16, uid at 20, gid at 24, mode at 28, ino at 32, mtime at 112.
    private static unsafe FileStatus? Read(int result, byte* status, out int errno)
    {
        errno = result == 0 ? 0 : System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        return result == 0
            ? new(
                *(ushort*)(status + 28), *(uint*)(status + 20), *(uint*)(status + 24), *(uint*)(status + 16), *(ulong*)(status + 32),
                (*(long*)(status + 112) * 1_000_000_000) + *(uint*)(status + 120))
            : null;
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

namespace BindSnoop.Tests;

/// <summary>Inode numbers, which are the ids of cgroups.</summary>
internal static unsafe partial class PathId
{
    private const int CurrentDirectory = -100;
    private const uint WantInode = 0x100;

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);

    public static ulong Of(string path)
    {
        // struct statx (linux/stat.h): the inode number is at 32.
        byte* buffer = stackalloc byte[256];
        return StatX(CurrentDirectory, path, 0, WantInode, buffer) == 0
            ? *(ulong*)(buffer + 32)
            : throw new IOException(string.Create(CultureInfo.InvariantCulture, $"{path}: {Marshal.GetLastPInvokeErrorMessage()}"));
    }
}

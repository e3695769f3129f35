using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Names;

/// <summary>User names, through the C library so that every name service of the machine counts.</summary>
internal static unsafe class Users
{
    private const int BufferSize = 16384;

    // struct passwd: two pointers (name, password), then uid and gid.
    private const int EntrySize = 64;
    private const int UidOffset = 16;

    // The next pointers are the comment and the home directory.
    private const int HomeOffset = 32;

    private static readonly LookUpCache<uint, string> s_names = new(4096, TimeSpan.FromSeconds(5), keepLast: true);

    /// <summary>The name, or the number where there is none.</summary>
    public static string NameOf(uint uid) =>
        (s_names.TryGet(uid, out string? known) ? known : s_names.Remember(uid, LookUp(uid))) ??
        uid.ToString(CultureInfo.InvariantCulture);

    /// <summary>The home directory; null where there is none, or the user database did not answer.</summary>
    public static string? HomeOf(uint uid)
    {
        byte* entry = stackalloc byte[EntrySize];
        byte* buffer = stackalloc byte[BufferSize];
        return Libc.getpwuid_r(uid, entry, buffer, BufferSize, out nint result) == 0 && result != 0
            ? Marshal.PtrToStringUTF8(*(nint*)(entry + HomeOffset))
            : null;
    }

    /// <summary>Reads a number or the name of a user.</summary>
    /// <exception cref="TraceException"><c>UserNotFound</c>.</exception>
    public static uint Parse(string text)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid) && uid != uint.MaxValue)
        {
            return uid;
        }

        byte* entry = stackalloc byte[EntrySize];
        byte* buffer = stackalloc byte[BufferSize];
        if (text.Length > 0 && !text.Contains('\0') &&
            Libc.getpwnam_r(text, entry, buffer, BufferSize, out nint result) == 0 && result != 0)
        {
            return *(uint*)(entry + UidOffset);
        }

        throw new TraceException(
            "UserNotFound",
            TraceErrorKind.ObjectNotFound,
            $"There is no user '{DisplayText.Escape(text)}' on this machine.",
            "Give a user id from 0 to 4294967294 or a name that 'getent passwd' lists.",
            text);
    }

    /// <summary>Null if the user database did not answer.</summary>
    private static string? LookUp(uint uid)
    {
        byte* entry = stackalloc byte[EntrySize];
        byte* buffer = stackalloc byte[BufferSize];
        return Libc.getpwuid_r(uid, entry, buffer, BufferSize, out nint result) != 0 ? null
            : result == 0 ? uid.ToString(CultureInfo.InvariantCulture)
            : DisplayText.Escape(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(*(byte**)entry));
    }
}

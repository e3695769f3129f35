using System.Runtime.InteropServices;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>
/// A directory in which an engine that runs as root keeps what it knows. Below where it is opened no link is followed, and
/// nothing counts that others than root and the caller own or may write to: so nobody who runs in a container, whose files
/// may lie beside, says what is read here.
/// </summary>
internal sealed unsafe class StateDirectory : IDisposable
{
    // openat2(2), which has one number on all architectures and no wrapper in the C library.
    private const long SysOpenat2 = 437;
    private const ulong ResolveInRoot = 0x10;

    private readonly FileDescriptor _handle;
    private readonly uint _owner;

    private StateDirectory(FileDescriptor handle, uint owner)
    {
        _handle = handle;
        _owner = owner;
    }

    /// <summary>Opens one by its path on the host; null where it is not, or is not trusted.</summary>
    /// <param name="path">The path.</param>
    /// <param name="owner">Whose files count besides those of root and the caller.</param>
    public static StateDirectory? Open(string path, uint owner = 0) =>
        Checked(HostRoot.Path is { } root ? OpenBelow(root, path) : Libc.open(path, DirectoryFlags), owner);

    /// <summary>Opens one that is in this one.</summary>
    public StateDirectory? OpenInner(string name) => Checked(Libc.openat(_handle, name, DirectoryFlags | Libc.O_NOFOLLOW), _owner);

    /// <summary>What is in it, or the first of it.</summary>
    public IReadOnlyList<string> Names(int most = int.MaxValue)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries($"/proc/self/fd/{_handle.Value}").Take(most).Select(Path.GetFileName)!];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Whether there is something by a name in it, trusted or not.</summary>
    public bool Has(string name) => FileStatus.Of(_handle, name, out _) is not null;

    /// <summary>Whether a name leads to nothing, which is how systemd masks a unit.</summary>
    public bool IsMasked(string name) => Processes.ReadLink($"/proc/self/fd/{_handle.Value}/{name}") == "/dev/null";

    /// <summary>Opens a file that is in it; null where it is not, or is not trusted.</summary>
    public StateFile? OpenFile(string name)
    {
        // A pipe would make us wait.
        FileDescriptor file = Libc.openat(_handle, name, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        if (!file.IsInvalid && FileStatus.Of(file, out _) is { IsRegularFile: true } status && IsTrusted(status, _owner))
        {
            return new StateFile(file, status);
        }

        file.Dispose();
        return null;
    }

    /// <summary>The content of a file; null where it is not, is not trusted, or is larger than any engine writes one.</summary>
    public byte[]? Read(string name, int mostBytes = StateFile.MostBytes)
    {
        using StateFile? file = OpenFile(name);
        return file?.Read(mostBytes);
    }

    public void Dispose() => _handle.Dispose();

    private static int DirectoryFlags => Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC;

    private static bool IsTrusted(FileStatus status, uint owner) => (status.Uid == owner || status.OtherOwner is null) && !status.IsWritableByOthers;

    private static StateDirectory? Checked(FileDescriptor opened, uint owner)
    {
        if (!opened.IsInvalid && FileStatus.Of(opened, out _) is { } status && IsTrusted(status, owner))
        {
            return new StateDirectory(opened, owner);
        }

        opened.Dispose();
        return null;
    }

    // Links on the way mean what they mean on the host.
    private static FileDescriptor OpenBelow(string root, string path)
    {
        using FileDescriptor top = Libc.open(root, Libc.O_PATH | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
        ulong* how = stackalloc ulong[3];
        how[0] = (ulong)DirectoryFlags;
        how[1] = 0;
        how[2] = ResolveInRoot;
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
        {
            return new FileDescriptor((int)Libc.syscall5(SysOpenat2, top.Value, (nint)name, (nint)how, 3 * sizeof(ulong), 0));
        }
    }
}

/// <summary>An open file of a <see cref="StateDirectory"/>.</summary>
internal sealed unsafe class StateFile(FileDescriptor file, FileStatus status) : IDisposable
{
    // A thousand containers of Podman are described in less than one megabyte.
    public const int MostBytes = 16 * 1024 * 1024;

    /// <summary>Changes whenever an engine writes it anew, as that makes another file of it.</summary>
    public (ulong Inode, long Modified) Version => (status.Inode, status.Modified);

    /// <summary>Its content; null where it cannot be read or is larger than any engine writes one.</summary>
    public byte[]? Read(int mostBytes = MostBytes)
    {
        byte[] buffer = new byte[16384];
        int length = 0;
        while (true)
        {
            nint read;
            fixed (byte* start = buffer)
            {
                read = Libc.read(file, start + length, (nuint)(buffer.Length - length));
            }

            if (read == 0)
            {
                return buffer[..length];
            }

            if (read < 0)
            {
                if (Marshal.GetLastPInvokeError() == Errno.EINTR)
                {
                    continue;
                }

                return null;
            }

            length += (int)read;
            if (length == buffer.Length)
            {
                if (length >= mostBytes)
                {
                    return null;
                }

                Array.Resize(ref buffer, length * 2);
            }
        }
    }

    public void Dispose() => file.Dispose();
}

using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>
/// The directory that a path leads to, held open, and the last name of the path. The way there is walked name by name
/// with nothing but descriptors, so that nobody can change it underway. Links are followed only where nobody but root
/// and the caller can have made them: the kernel itself follows those of others outside of directories such as /tmp
/// (fs.protected_symlinks in proc_sys_fs(5)), and root would then write wherever they please.
/// </summary>
internal sealed class OutputDirectory : IDisposable
{
    // As the kernel's own limit (path_resolution(7)).
    private const int MaxLinks = 40;

    private OutputDirectory(FileDescriptor handle, string name)
    {
        Handle = handle;
        Name = name;
    }

    /// <summary>The directory, open to look up names in and nothing else.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>The name in it; there may be no such file yet, and never is it a link.</summary>
    public string Name { get; }

    /// <summary>Walks there.</summary>
    /// <exception cref="TraceException">It leads to no place for such a file.</exception>
    public static OutputDirectory Open(string path, OutputKind kind)
    {
        if (path.Length == 0 || path.EndsWith('/') || path.Contains('\0', StringComparison.Ordinal))
        {
            throw kind.InvalidPath(path, "is not the path of a file");
        }

        Stack<string> rest = new();
        Push(rest, path);
        FileDescriptor current = OpenBeginning(path, path, kind);
        int links = 0;
        try
        {
            while (true)
            {
                string name = rest.TryPop(out string? next) ? next : throw kind.InvalidPath(path, "is not the path of a file");
                if (name is "" or ".")
                {
                    continue;
                }

                FileStatus? found = FileStatus.Of(current, name, out int errno);
                if (rest.Count == 0 && name != ".." && (errno == Errno.ENOENT || found is { IsLink: false, IsDirectory: false }))
                {
                    OutputDirectory result = new(current, name);
                    current = new FileDescriptor();
                    return result;
                }

                FileDescriptor entry = Libc.openat(current, name, Libc.O_PATH | Libc.O_NOFOLLOW | Libc.O_CLOEXEC);
                errno = entry.IsInvalid ? Marshal.GetLastPInvokeError() : 0;
                using FileDescriptor before = current;
                current = entry;

                // Of what was opened, and not of what had that name a moment before.
                FileStatus status = errno == 0 && FileStatus.Of(entry, out errno) is { } known ? known : throw Refused(path, errno, kind);
                if (status.IsLink)
                {
                    string target = ++links <= MaxLinks ? ReadTrusted(before, entry, status, name, path, kind) : throw kind.NotWritten(path, Errno.ELOOP);
                    Push(rest, target);
                    entry.Dispose();
                    current = target.StartsWith('/') ? OpenBeginning(target, path, kind) : Again(before, path, kind);
                }
                else if (!status.IsDirectory)
                {
                    throw Refused(path, Errno.ENOTDIR, kind);
                }
            }
        }
        finally
        {
            current.Dispose();
        }
    }

    public void Dispose() => Handle.Dispose();

    private static void Push(Stack<string> rest, string path)
    {
        foreach (string name in Enumerable.Reverse(path.Split('/')))
        {
            rest.Push(name);
        }
    }

    private static FileDescriptor OpenBeginning(string of, string path, OutputKind kind) =>
        Checked(Libc.open(of.StartsWith('/') ? "/" : ".", Libc.O_PATH | Libc.O_DIRECTORY | Libc.O_CLOEXEC), path, kind);

    private static FileDescriptor Again(FileDescriptor directory, string path, OutputKind kind) =>
        Checked(Libc.openat(directory, ".", Libc.O_PATH | Libc.O_DIRECTORY | Libc.O_CLOEXEC), path, kind);

    private static FileDescriptor Checked(FileDescriptor opened, string path, OutputKind kind)
    {
        int errno = Marshal.GetLastPInvokeError();
        return opened.IsInvalid ? throw kind.NotWritten(path, errno) : opened;
    }

    private static TraceException Refused(string path, int errno, OutputKind kind) =>
        errno is Errno.ENOENT or Errno.ENOTDIR ? kind.DirectoryNotFound(path) : kind.NotWritten(path, errno);

    /// <summary>Where a link leads, if others could not have made it.</summary>
    private static unsafe string ReadTrusted(
        FileDescriptor directory, FileDescriptor link, FileStatus status, string name, string path, OutputKind kind)
    {
        FileStatus around = FileStatus.Of(directory, out int errno) ?? throw kind.NotWritten(path, errno);
        string? why = status.OtherOwner is { } owner ? $"that {owner}"
            : around.OtherOwner is { } other ? $"in a directory that {other}"
            : around.IsWritableByOthers ? "in a directory that others may write to"
            : null;
        if (why is not null)
        {
            throw kind.LinkNotTrusted(path, $"'{DisplayText.Escape(name)}' is a link {why}");
        }

        const int Size = 4096;
        byte* target = stackalloc byte[Size];
        nint length = Libc.readlinkat(link, "", target, Size);
        return length > 0 ? Encoding.UTF8.GetString(target, (int)length) : throw kind.NotWritten(path, Marshal.GetLastPInvokeError());
    }
}

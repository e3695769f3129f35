using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using BindSnoop.Errors;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// A file that is written as a whole: who reads it sees all of the old or all of the new content. Safe to use as root
/// in directories of others: no link of theirs is followed and no file but ours is replaced.
/// </summary>
/// <param name="path">Where; there may be no such file yet.</param>
/// <param name="kind">What for.</param>
internal sealed class OutputFile(string path, OutputKind kind)
{
    private const int MaxTries = 100;

    private bool _cleared;

    /// <summary>Refuses a path that <see cref="Write"/> would refuse, before there is anything to write.</summary>
    /// <param name="replace">Whether a file of ours may be there.</param>
    /// <exception cref="TraceException">
    /// <c>Invalid…Path</c>, <c>…PathNotFound</c>, <c>…LinkNotTrusted</c>, <c>…FileNotOurs</c>, <c>…Exists</c>, <c>…FileNotWritten</c>.
    /// </exception>
    public void Check(bool replace)
    {
        using OutputDirectory directory = OutputDirectory.Open(path, kind);
        IsThere(directory, replace);
    }

    /// <summary>Makes or replaces the file.</summary>
    /// <inheritdoc cref="Check"/>
    public void Write(ReadOnlySpan<byte> content, bool replace)
    {
        // Somebody may make, replace or remove the file between a look at it and what follows from that.
        for (int tries = 0; tries < MaxTries; tries++)
        {
            using OutputDirectory directory = OutputDirectory.Open(path, kind);
            bool isThere = IsThere(directory, replace);
            if (!_cleared)
            {
                RemoveLeftovers(directory);
                _cleared = true;
            }

            if (TryWrite(directory, content, isThere))
            {
                return;
            }
        }

        throw kind.NotWritten(path, Errno.EBUSY);
    }

    private bool TryWrite(OutputDirectory directory, ReadOnlySpan<byte> content, bool isThere)
    {
        // Not under a name that a collector would take for metrics.
        string temporary = $"{directory.Name}.{Path.GetRandomFileName()}.tmp";

        // Without a name, nothing is left of it whatever ends this process. Not all file systems can do that.
        FileDescriptor file = Libc.openat(directory.Handle, ".", Libc.O_TMPFILE | Libc.O_WRONLY | Libc.O_CLOEXEC, 0x1b6);
        bool isNamed = false;
        if (file.IsInvalid && Marshal.GetLastPInvokeError() is Errno.EOPNOTSUPP or Errno.EISDIR)
        {
            file = Libc.openat(directory.Handle, temporary, Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW | Libc.O_WRONLY | Libc.O_CLOEXEC, 0x1b6);
            isNamed = true;
        }

        using (file)
        {
            if (file.IsInvalid)
            {
                throw kind.NotWritten(path, Marshal.GetLastPInvokeError());
            }

            try
            {
                Fill(file, content);
                if (!isNamed)
                {
                    string name = isThere ? temporary : directory.Name;
                    int errno = Link(file, directory.Handle, name);
                    if (errno == Errno.EEXIST && !isThere)
                    {
                        return false;
                    }

                    Require(errno);
                    isNamed = isThere;
                    if (!isThere)
                    {
                        return true;
                    }
                }

                return TryRename(directory, temporary, isThere, ref isNamed);
            }
            finally
            {
                if (isNamed)
                {
                    _ = Libc.unlinkat(directory.Handle, temporary, 0);
                }
            }
        }
    }

    private bool TryRename(OutputDirectory directory, string temporary, bool isThere, ref bool isNamed)
    {
        int result = isThere ? -1 : Libc.renameat2(directory.Handle, temporary, directory.Handle, directory.Name, Libc.RENAME_NOREPLACE);
        int errno = isThere ? Errno.EINVAL : result == 0 ? 0 : Marshal.GetLastPInvokeError();
        if (errno is Errno.EINVAL or Errno.ENOSYS)
        {
            errno = Libc.renameat(directory.Handle, temporary, directory.Handle, directory.Name) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }

        // ENOENT: another process took the temporary file for a leftover.
        if (errno is Errno.EEXIST or Errno.ENOENT)
        {
            return false;
        }

        Require(errno);
        isNamed = false;
        return true;
    }

    private unsafe void Fill(FileDescriptor file, ReadOnlySpan<byte> content)
    {
        fixed (byte* start = content)
        {
            for (int done = 0; done < content.Length;)
            {
                nint written = Libc.write(file, start + done, (nuint)(content.Length - done));
                if (written >= 0)
                {
                    done += (int)written;
                }
                else if (Marshal.GetLastPInvokeError() is not Errno.EINTR and int errno)
                {
                    throw kind.NotWritten(path, errno);
                }
            }
        }

        if (kind.Mode is { } mode)
        {
            Require(Libc.fchmod(file, mode) == 0 ? 0 : Marshal.GetLastPInvokeError());
        }

        // Else a crash of the machine may leave an empty file under the name.
        Require(Libc.fsync(file) == 0 ? 0 : Marshal.GetLastPInvokeError());
    }

    /// <summary>Gives a file without a name its name, by one of the two ways of open(2): the one takes /proc, the other a capability.</summary>
    private static int Link(FileDescriptor file, FileDescriptor directory, string name)
    {
        if (Libc.linkat(Libc.AT_FDCWD, $"/proc/self/fd/{file.Value}", directory, name, Libc.AT_SYMLINK_FOLLOW) == 0)
        {
            return 0;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == Errno.ENOENT && Libc.linkat(file, "", directory, name, Libc.AT_EMPTY_PATH) == 0 ? 0 : errno;
    }

    /// <summary>Whether there is a file already, which is then one that may be replaced.</summary>
    private bool IsThere(OutputDirectory directory, bool replace)
    {
        if (FileStatus.Of(directory.Handle, directory.Name, out int errno) is not { } status)
        {
            Require(errno == Errno.ENOENT ? 0 : errno);
            return false;
        }

        if (!status.IsRegularFile)
        {
            throw kind.InvalidPath(path, "is not a regular file, but would be replaced by one");
        }

        if (!replace)
        {
            throw kind.Exists(path);
        }

        if (status.Uid != Libc.geteuid())
        {
            throw kind.NotOurs(path, $"belongs to {Users.NameOf(status.Uid)}");
        }

        if (kind.Beginning is { } beginning && !BeginsWith(directory, beginning))
        {
            throw kind.NotOurs(path, $"exists, and does not hold {kind.Content}");
        }

        return true;
    }

    private unsafe bool BeginsWith(OutputDirectory directory, byte[] beginning)
    {
        // Should it have become something else meanwhile: a pipe is not waited for.
        using FileDescriptor file = Libc.openat(directory.Handle, directory.Name, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        Require(file.IsInvalid ? Marshal.GetLastPInvokeError() : 0);
        byte[] found = new byte[beginning.Length];
        fixed (byte* buffer = found)
        {
            nint length = Libc.read(file, buffer, (nuint)found.Length);
            Require(length < 0 ? Marshal.GetLastPInvokeError() : 0);
            return length == 0 || found.AsSpan(0, (int)length).SequenceEqual(beginning);
        }
    }

    /// <summary>Removes what a process of ours left when it was killed between giving a name and renaming.</summary>
    private static void RemoveLeftovers(OutputDirectory directory)
    {
        Regex temporary = new($@"\A{Regex.Escape(directory.Name)}\.[a-z0-9]{{8}}\.[a-z0-9]{{3}}\.tmp\z", RegexOptions.CultureInvariant);
        try
        {
            foreach (string entry in Directory.EnumerateFiles($"/proc/self/fd/{directory.Handle.Value}").Where(e => temporary.IsMatch(Path.GetFileName(e))).ToList())
            {
                string name = Path.GetFileName(entry);
                if (FileStatus.Of(directory.Handle, name, out _) is { IsRegularFile: true, Links: 1 } status && status.Uid == Libc.geteuid())
                {
                    _ = Libc.unlinkat(directory.Handle, name, 0);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A directory that may be written to and not read keeps what is in it.
        }
    }

    private void Require(int errno)
    {
        if (errno != 0)
        {
            throw kind.NotWritten(path, errno);
        }
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Records;

/// <summary>
/// The file of a record. Root writes and reads it: no link is followed, nothing is opened but a regular file that is such a
/// record, and it is written only where no one else can replace one of SQLite's files.
/// </summary>
internal static class RecordFile
{
    private const int HeaderSize = 100;
    private const int ApplicationOffset = 68;

    // Paths are whole, or relative to the current directory.
    private static readonly FileDescriptor s_current = new(Libc.AT_FDCWD, owned: false);

    private static readonly OutputKind s_kind = new("Record", "a record of BindSnoop's", "SQLite format 3\0"u8.ToArray(), Mode: 0x180);

    /// <summary>Whether a path leads to a database of SQLite's, which no other file that is read is. Pipes are left alone.</summary>
    public static unsafe bool IsDatabase(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal) || FileStatus.Of(path, out _) is not { IsRegularFile: true })
        {
            return false;
        }

        using FileDescriptor file = Libc.openat(s_current, path, Libc.O_RDONLY | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        byte* beginning = stackalloc byte[HeaderSize];
        return !file.IsInvalid && Libc.read(file, beginning, HeaderSize) is var length and > 0 &&
            new ReadOnlySpan<byte>(beginning, (int)length).StartsWith(s_kind.Beginning);
    }

    /// <summary>Opens a record for writing, and creates it if necessary. It is locked until the lock is disposed.</summary>
    /// <param name="made">The lock; to be disposed of after the database.</param>
    /// <exception cref="TraceException">
    /// <c>InvalidRecordPath</c>, <c>RecordPathNotFound</c>, <c>RecordLinkNotTrusted</c>, <c>RecordDirectoryNotTrusted</c>, <c>RecordFileNotOurs</c>,
    /// <c>RecordFileNotWritten</c>, <c>RecordInUse</c>, <c>RecordTooNew</c>.
    /// </exception>
    public static RecordDatabase OpenForWriting(string path, out FileDescriptor made)
    {
        LibSqlite.EnsureLoaded();
        string real = TrustedPathOf(path);
        OutputFile output = new(real, s_kind);
        if (FileStatus.Of(s_current, real, out _) is null)
        {
            output.Write(Empty(), replace: false);
        }

        output.Check(replace: true);

        // Its own locks SQLite takes by fcntl(2), which know nothing of these.
        FileDescriptor file = Libc.openat(s_current, real, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        try
        {
            CheckHeader(file, path);
            if (Libc.flock(file, Libc.LOCK_EX | Libc.LOCK_NB) != 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                throw errno == Errno.EAGAIN
                    ? new TraceException(
                        "RecordInUse", TraceErrorKind.ResourceExists, $"'{DisplayText.Escape(path)}' is being written to by another recorder.",
                        "Stop the other one first, or give another path.", path)
                    : s_kind.NotWritten(path, errno);
            }

            RecordDatabase database = RecordDatabase.Open(real, LibSqlite.SQLITE_OPEN_READWRITE);
            try
            {
                database.Execute("""
                    PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=4000;
                    PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY
                    """);
                database.Execute(RecordSchema.UpgradeFrom(VersionOf(database, path)));
                made = file;
                return database;
            }
            catch
            {
                database.Dispose();
                throw;
            }
        }
        catch (RecordDatabaseException exception)
        {
            file.Dispose();
            throw NotWritten(path, exception);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a record to ask it, while it is being written to or not.</summary>
    /// <exception cref="TraceException"><c>RecordNotFound</c>, <c>RecordNotReadable</c>, <c>NotARecord</c>, <c>RecordTooNew</c>.</exception>
    public static RecordDatabase OpenForReading(string path)
    {
        LibSqlite.EnsureLoaded();
        string? real = path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal) ? TrustedPath.Resolve(path, out int errno) : Nothing(out errno);
        if (real is null)
        {
            throw errno == Errno.ENOENT
                ? new TraceException("RecordNotFound", TraceErrorKind.ObjectNotFound, $"There is no record '{DisplayText.Escape(path)}'.", "Give a file that 'bindsnoop record' writes.", path)
                : NotReadable(path, Errno.Describe(errno));
        }

        using (FileDescriptor file = Libc.openat(s_current, real, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK | Libc.O_CLOEXEC))
        {
            if (file.IsInvalid)
            {
                throw NotReadable(path, Errno.Describe(Marshal.GetLastPInvokeError()));
            }

            if (FileStatus.Of(file, out _) is not { IsRegularFile: true })
            {
                throw NotARecord(path);
            }

            CheckHeader(file, path);
        }

        try
        {
            return Checked(RecordDatabase.Open(real, LibSqlite.SQLITE_OPEN_READONLY), path);
        }
        catch (RecordDatabaseException exception) when (exception.Code is LibSqlite.SQLITE_CANTOPEN && !File.Exists($"{real}-wal"))
        {
            // On a medium, or in a directory, that cannot be written to SQLite has no place for what readers share; nor is there a writer.
            return OpenUnchanging(real, path);
        }
        catch (RecordDatabaseException exception)
        {
            throw NotReadable(path, exception.Message);
        }
    }

    /// <summary>What is thrown where a record cannot be written.</summary>
    public static TraceException NotWritten(string path, Exception exception) => new(
        "RecordFileNotWritten",
        TraceErrorKind.InvalidOperation,
        $"'{DisplayText.Escape(path)}' cannot be written: {exception.Message}.",
        "Choose a directory that this user can write to and that has free space.",
        path);

    /// <summary>What is thrown where a record cannot be read.</summary>
    public static TraceException NotReadable(string path, string why) => new(
        "RecordNotReadable",
        TraceErrorKind.InvalidOperation,
        $"'{DisplayText.Escape(path)}' cannot be read: {why}.",
        "Run as the user who records, or give another file; 'sqlite3 FILE .recover' can salvage a damaged one.",
        path);

    private static RecordDatabase OpenUnchanging(string real, string path)
    {
        try
        {
            return Checked(RecordDatabase.Open($"file:{Uri.EscapeDataString(real)}?immutable=1", LibSqlite.SQLITE_OPEN_READONLY | LibSqlite.SQLITE_OPEN_URI), path);
        }
        catch (RecordDatabaseException exception)
        {
            throw NotReadable(path, exception.Message);
        }
    }

    private static RecordDatabase Checked(RecordDatabase database, string path)
    {
        try
        {
            database.Execute("PRAGMA query_only=ON; PRAGMA cache_size=-32768; SELECT count(*) FROM sqlite_master");
            _ = VersionOf(database, path);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private static string? Nothing(out int errno)
    {
        errno = Errno.ENOENT;
        return null;
    }

    /// <summary>The path without links, to a place that no one else can change.</summary>
    private static string TrustedPathOf(string path)
    {
        using OutputDirectory directory = OutputDirectory.Open(path, s_kind);
        string parent = Path.GetDirectoryName(path) is { Length: > 0 } given ? given : ".";
        string real = TrustedPath.Resolve(parent, out int errno) ?? throw s_kind.NotWritten(path, errno);
        return TrustedPath.OthersWhoMayChange(real) is { } others
            ? throw new TraceException(
                "RecordDirectoryNotTrusted",
                TraceErrorKind.PermissionDenied,
                $"'{DisplayText.Escape(path)}' was not written: {others}.",
                "Give a path in a directory that only its user may write to, such as /var/lib/bindsnoop.",
                path)
            : Path.Combine(real, directory.Name);
    }

    /// <summary>A record with nothing in it.</summary>
    private static byte[] Empty()
    {
        // Made elsewhere, as SQLite makes it step by step.
        DirectoryInfo place = Directory.CreateTempSubdirectory("bindsnoop-");
        try
        {
            string path = Path.Combine(place.FullName, "record");
            using (RecordDatabase database = RecordDatabase.Open(path, LibSqlite.SQLITE_OPEN_READWRITE | LibSqlite.SQLITE_OPEN_CREATE))
            {
                database.Execute($"BEGIN; {RecordSchema.Create} COMMIT");
            }

            return File.ReadAllBytes(path);
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    private static unsafe void CheckHeader(FileDescriptor file, string path)
    {
        byte* header = stackalloc byte[HeaderSize];
        nint length = file.IsInvalid ? -1 : Libc.read(file, header, HeaderSize);
        if (length < 0)
        {
            throw NotReadable(path, Errno.Describe(Marshal.GetLastPInvokeError()));
        }

        ReadOnlySpan<byte> bytes = new(header, HeaderSize);
        if (length < HeaderSize || !bytes.StartsWith(s_kind.Beginning) || BinaryPrimitives.ReadInt32BigEndian(bytes[ApplicationOffset..]) != RecordSchema.ApplicationId)
        {
            throw NotARecord(path);
        }

    }

    /// <summary>The version of the tables. The header of the file may still have the one before: changes are in the log first.</summary>
    /// <exception cref="TraceException"><c>RecordTooNew</c>.</exception>
    private static long VersionOf(RecordDatabase database, string path)
    {
        long version = database.Number("PRAGMA user_version") ?? 0;
        return version is >= 1 and <= RecordSchema.Version
            ? version
            : throw new TraceException(
                "RecordTooNew",
                TraceErrorKind.InvalidOperation,
                string.Create(CultureInfo.InvariantCulture, $"'{DisplayText.Escape(path)}' is a record of format {version}, but this version knows only format {RecordSchema.Version}."),
                "Use the version of BindSnoop that wrote it, or a later one.",
                path);
    }

    private static TraceException NotARecord(string path) => new(
        "NotARecord",
        TraceErrorKind.InvalidArgument,
        $"'{DisplayText.Escape(path)}' is not a BindSnoop record.",
        "Give a file that 'bindsnoop record' has created; to record, give the path of a new file.",
        path);
}

using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace BindSnoop.Interop;

/// <summary>
/// The part of SQLite that the engine uses, of the machine's own library, or of this program. Names and semantics are SQLite's
/// own. There is no managed library in between: the module may not bring one, and the native build of the command line stays one file.
/// </summary>
internal static unsafe partial class LibSqlite
{
    public const int SQLITE_OK = 0;
    public const int SQLITE_BUSY = 5;
    public const int SQLITE_IOERR = 10;
    public const int SQLITE_CORRUPT = 11;
    public const int SQLITE_FULL = 13;
    public const int SQLITE_CANTOPEN = 14;
    public const int SQLITE_NOTADB = 26;
    public const int SQLITE_ROW = 100;
    public const int SQLITE_DONE = 101;
    public const int SQLITE_OPEN_READONLY = 1;
    public const int SQLITE_OPEN_READWRITE = 2;
    public const int SQLITE_OPEN_CREATE = 4;
    public const int SQLITE_OPEN_URI = 0x40;
    public const uint SQLITE_PREPARE_PERSISTENT = 1;
    public const int SQLITE_NULL = 5;

    /// <summary>SQLITE_TRANSIENT: SQLite takes a copy.</summary>
    public const nint SQLITE_TRANSIENT = -1;

    private const string Library = "libsqlite3.so.0";

    // WITHOUT ROWID, common table expressions, upserts: 3.24, of 2018.
    private const int OldestVersion = 3024000;

    /// <summary>Whether it is part of this program, as in the native build of the command line.</summary>
    [FeatureSwitchDefinition("BindSnoop.LibSqlite.IsLinked")]
    private static bool IsLinked => AppContext.TryGetSwitch("BindSnoop.LibSqlite.IsLinked", out bool linked) && linked;

    /// <summary>Fails with one clear error where SQLite is missing or too old.</summary>
    /// <exception cref="TraceException"><c>SqliteNotFound</c>, <c>SqliteTooOld</c>.</exception>
    public static void EnsureLoaded()
    {
        if (IsLinked)
        {
            return;
        }

        const string Remedy = "Install SQLite 3.24 or later: 'apt install libsqlite3-0' (Debian, Ubuntu), 'dnf install sqlite-libs' (Fedora).";
        if (!NativeLibrary.TryLoad(Library, typeof(LibSqlite).Assembly, null, out _))
        {
            throw new TraceException(
                "SqliteNotFound", TraceErrorKind.NotInstalled, $"The library {Library} is not installed on this machine.", Remedy);
        }

        if (sqlite3_libversion_number() < OldestVersion)
        {
            throw new TraceException(
                "SqliteTooOld", TraceErrorKind.NotInstalled, $"This machine's library {Library} is version {Text(sqlite3_libversion())}.", Remedy);
        }
    }

    /// <summary>A text of SQLite's; empty if there is none.</summary>
    public static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    [LibraryImport(Library)]
    public static partial int sqlite3_libversion_number();

    [LibraryImport(Library)]
    public static partial byte* sqlite3_libversion();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int sqlite3_open_v2(string name, out SqliteHandle database, int flags, string? vfs);

    [LibraryImport(Library)]
    public static partial int sqlite3_close_v2(nint database);

    [LibraryImport(Library)]
    public static partial int sqlite3_busy_timeout(SqliteHandle database, int milliseconds);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int sqlite3_exec(SqliteHandle database, string sql, nint callback, nint argument, nint message);

    [LibraryImport(Library)]
    public static partial byte* sqlite3_errmsg(SqliteHandle database);

    [LibraryImport(Library)]
    public static partial byte* sqlite3_errstr(int code);

    [LibraryImport(Library)]
    public static partial int sqlite3_changes(SqliteHandle database);

    [LibraryImport(Library)]
    public static partial int sqlite3_prepare_v3(SqliteHandle database, byte* sql, int length, uint flags, out SqliteStatementHandle statement, out byte* rest);

    [LibraryImport(Library)]
    public static partial int sqlite3_finalize(nint statement);

    [LibraryImport(Library)]
    public static partial int sqlite3_step(SqliteStatementHandle statement);

    [LibraryImport(Library)]
    public static partial int sqlite3_reset(SqliteStatementHandle statement);

    [LibraryImport(Library)]
    public static partial int sqlite3_bind_null(SqliteStatementHandle statement, int index);

    [LibraryImport(Library)]
    public static partial int sqlite3_bind_int64(SqliteStatementHandle statement, int index, long value);

    [LibraryImport(Library)]
    public static partial int sqlite3_bind_text(SqliteStatementHandle statement, int index, byte* text, int length, nint destructor);

    [LibraryImport(Library)]
    public static partial int sqlite3_column_type(SqliteStatementHandle statement, int column);

    [LibraryImport(Library)]
    public static partial long sqlite3_column_int64(SqliteStatementHandle statement, int column);

    [LibraryImport(Library)]
    public static partial byte* sqlite3_column_text(SqliteStatementHandle statement, int column);

    [LibraryImport(Library)]
    public static partial int sqlite3_column_bytes(SqliteStatementHandle statement, int column);
}

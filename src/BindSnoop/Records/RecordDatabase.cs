using System.Globalization;
using System.Text;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Records;

/// <summary>Writing to a record failed, or reading from it.</summary>
/// <param name="code">SQLite's result code.</param>
internal sealed class RecordDatabaseException(int code, string message) : Exception(message)
{
    /// <summary>SQLite's result code.</summary>
    public int Code { get; } = code;
}

/// <summary>An open record: a connection to its database, used by one thread at a time.</summary>
internal sealed unsafe class RecordDatabase : IDisposable
{
    private const int BusyMilliseconds = 5000;

    private readonly SqliteHandle _handle;

    private RecordDatabase(SqliteHandle handle) => _handle = handle;

    /// <summary>How many rows the last statement changed.</summary>
    public int Changes => LibSqlite.sqlite3_changes(_handle);

    /// <summary>Opens a database.</summary>
    /// <param name="name">Its path, or a URI of SQLite's.</param>
    /// <param name="flags">SQLITE_OPEN_…</param>
    /// <exception cref="RecordDatabaseException">It cannot be opened.</exception>
    public static RecordDatabase Open(string name, int flags)
    {
        int result = LibSqlite.sqlite3_open_v2(name, out SqliteHandle handle, flags, null);
        RecordDatabase database = new(handle);
        try
        {
            if (result != LibSqlite.SQLITE_OK)
            {
                throw database.Failed(result);
            }

            _ = LibSqlite.sqlite3_busy_timeout(handle, BusyMilliseconds);

            // What is in the file need not be ours.
            database.Execute("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Runs statements that give nothing.</summary>
    /// <exception cref="RecordDatabaseException">One failed.</exception>
    public void Execute(string sql)
    {
        int result = LibSqlite.sqlite3_exec(_handle, sql, 0, 0, 0);
        if (result != LibSqlite.SQLITE_OK)
        {
            throw Failed(result);
        }
    }

    /// <summary>Runs a statement that changes rows.</summary>
    /// <returns>How many.</returns>
    /// <exception cref="RecordDatabaseException">It failed.</exception>
    public int Execute(string sql, params ReadOnlySpan<long> values)
    {
        using RecordStatement statement = Prepare(sql);
        statement.Bind(values);
        statement.Run();
        return Changes;
    }

    /// <summary>The number that a query gives; null if it gives none.</summary>
    /// <exception cref="RecordDatabaseException">It failed.</exception>
    public long? Number(string sql, params ReadOnlySpan<long> values)
    {
        using RecordStatement statement = Prepare(sql);
        statement.Bind(values);
        return statement.Step() ? statement.NumberOrNull(0) : null;
    }

    /// <summary>Prepares a statement.</summary>
    /// <exception cref="RecordDatabaseException">It failed.</exception>
    public RecordStatement Prepare(string sql)
    {
        byte[] text = Encoding.UTF8.GetBytes(sql);
        fixed (byte* start = text)
        {
            int result = LibSqlite.sqlite3_prepare_v3(_handle, start, text.Length, LibSqlite.SQLITE_PREPARE_PERSISTENT, out SqliteStatementHandle statement, out _);
            if (result != LibSqlite.SQLITE_OK)
            {
                statement.Dispose();
                throw Failed(result);
            }

            return new RecordStatement(this, statement);
        }
    }

    /// <summary>What is thrown for a result of SQLite's.</summary>
    public RecordDatabaseException Failed(int result) => new(
        result,
        _handle.IsInvalid ? LibSqlite.Text(LibSqlite.sqlite3_errstr(result)) : DisplayText.Escape(LibSqlite.Text(LibSqlite.sqlite3_errmsg(_handle))));

    public void Dispose() => _handle.Dispose();
}

/// <summary>A prepared statement; parameters are numbered from 1, columns from 0.</summary>
internal sealed unsafe class RecordStatement(RecordDatabase database, SqliteStatementHandle handle) : IDisposable
{
    /// <summary>Sets the first parameters.</summary>
    public void Bind(params ReadOnlySpan<long> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            Bind(i + 1, values[i]);
        }
    }

    public void Bind(int index, long value) => Check(LibSqlite.sqlite3_bind_int64(handle, index, value));

    public void Bind(int index, long? value)
    {
        if (value is { } number)
        {
            Bind(index, number);
        }
        else
        {
            BindNull(index);
        }
    }

    public void BindNull(int index) => Check(LibSqlite.sqlite3_bind_null(handle, index));

    public void Bind(int index, string? value)
    {
        if (value is null)
        {
            BindNull(index);
            return;
        }

        byte[] text = Encoding.UTF8.GetBytes(value);
        fixed (byte* start = text)
        {
            // A pointer to nothing would be NULL.
            byte none = 0;
            Check(LibSqlite.sqlite3_bind_text(handle, index, text.Length > 0 ? start : &none, text.Length, LibSqlite.SQLITE_TRANSIENT));
        }
    }

    /// <summary>The next row; false after the last.</summary>
    /// <exception cref="RecordDatabaseException">It failed.</exception>
    public bool Step()
    {
        int result = LibSqlite.sqlite3_step(handle);
        return result switch
        {
            LibSqlite.SQLITE_ROW => true,
            LibSqlite.SQLITE_DONE => false,
            _ => throw Fail(result),
        };
    }

    /// <summary>Runs it to its end, and makes it ready for the next time.</summary>
    /// <exception cref="RecordDatabaseException">It failed.</exception>
    public void Run()
    {
        while (Step())
        {
        }

        Reset();
    }

    /// <summary>Makes it ready for the next time.</summary>
    public void Reset() => _ = LibSqlite.sqlite3_reset(handle);

    public long Number(int column) => LibSqlite.sqlite3_column_int64(handle, column);

    public long? NumberOrNull(int column) => IsNull(column) ? null : Number(column);

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    /// <summary>A text, made safe to print: the file need not be ours.</summary>
    public string Text(int column)
    {
        byte* text = LibSqlite.sqlite3_column_text(handle, column);
        return text == null ? "" : DisplayText.EscapeUnsafe(Encoding.UTF8.GetString(text, LibSqlite.sqlite3_column_bytes(handle, column)));
    }

    public void Dispose() => handle.Dispose();

    private bool IsNull(int column) => LibSqlite.sqlite3_column_type(handle, column) == LibSqlite.SQLITE_NULL;

    private void Check(int result)
    {
        if (result != LibSqlite.SQLITE_OK)
        {
            throw Fail(result);
        }
    }

    private RecordDatabaseException Fail(int result)
    {
        RecordDatabaseException exception = database.Failed(result);
        Reset();
        return exception;
    }
}

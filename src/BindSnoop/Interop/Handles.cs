using System.Runtime.InteropServices;

namespace BindSnoop.Interop;

/// <summary>Owns a <c>struct bpf_object</c>: its programs and maps go with it.</summary>
internal sealed class BpfObject() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibBpf.bpf_object__close(handle);
        return true;
    }
}

/// <summary>Owns a <c>struct bpf_link</c>: while it lives, the program is attached.</summary>
internal sealed class BpfLink() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => LibBpf.bpf_link__destroy(handle) == 0;
}

/// <summary>Owns a file descriptor.</summary>
internal sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor()
        : base(-1, true)
    {
    }

    public FileDescriptor(int fd, bool owned = true)
        : base(-1, owned) => SetHandle(fd);

    // A C function returns an int, of which only the lower half of the register is defined.
    public override bool IsInvalid => (int)handle < 0;

    public int Value => (int)handle;

    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}

/// <summary>Owns a connection to a database of SQLite; it lives on until its last statement is gone.</summary>
internal sealed class SqliteHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => LibSqlite.sqlite3_close_v2(handle) == LibSqlite.SQLITE_OK;
}

/// <summary>Owns a prepared statement of SQLite.</summary>
internal sealed class SqliteStatementHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        // Its result is the error of the last step, if that failed.
        _ = LibSqlite.sqlite3_finalize(handle);
        return true;
    }
}

/// <summary>Owns an <c>mmap</c>ed range.</summary>
internal sealed unsafe class MemoryMap : SafeHandle
{
    private readonly nuint _length;

    private MemoryMap(nint address, nuint length)
        : base(-1, true)
    {
        _length = length;
        SetHandle(address);
    }

    public override bool IsInvalid => handle == -1;

    public byte* Pointer => (byte*)handle;

    public static MemoryMap Map(int fd, nuint length, bool writable, long offset)
    {
        int protection = Libc.PROT_READ | (writable ? Libc.PROT_WRITE : 0);
        nint address = Libc.mmap(0, length, protection, Libc.MAP_SHARED, fd, offset);
        return address != -1
            ? new MemoryMap(address, length)
            : throw TraceException.FromErrno("MapMemoryFailed", "Mapping a BPF map into memory failed", Marshal.GetLastPInvokeError());
    }

    protected override bool ReleaseHandle() => Libc.munmap(handle, _length) == 0;
}

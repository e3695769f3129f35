using System.Runtime.InteropServices;

namespace BindSnoop.Tests;

/// <summary>The part of libbpf that reads type information, which the engine has no need of.</summary>
internal static unsafe partial class LibBtf
{
    private const string Library = "libbpf.so.1";

    [LibraryImport(Library, SetLastError = true)]
    public static partial BtfHandle btf__new(byte* data, uint size);

    [LibraryImport(Library)]
    public static partial void btf__free(nint btf);

    [LibraryImport(Library)]
    public static partial uint btf__type_cnt(nint btf);

    [LibraryImport(Library)]
    public static partial uint* btf__type_by_id(nint btf, uint id);

    [LibraryImport(Library)]
    public static partial byte* btf__name_by_offset(nint btf, uint offset);
}

/// <summary>Owns a <c>struct btf</c>.</summary>
internal sealed class BtfHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibBtf.btf__free(handle);
        return true;
    }
}

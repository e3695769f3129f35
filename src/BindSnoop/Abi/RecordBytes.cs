using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary>From the bytes that the kernel handed over to a record.</summary>
internal static class RecordBytes
{
    /// <exception cref="TraceException"><c>InvalidRecord</c>: there are not as many as a record has.</exception>
    public static ref readonly TRecord As<TRecord>(ReadOnlySpan<byte> bytes)
        where TRecord : struct
    {
        if (bytes.Length != Unsafe.SizeOf<TRecord>())
        {
            throw Invalid(bytes.Length);
        }

        return ref MemoryMarshal.AsRef<TRecord>(bytes);
    }

    /// <summary>The bytes that the kernel would hand over.</summary>
    public static byte[] Of<TRecord>(in TRecord record)
        where TRecord : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<TRecord>(in record)).ToArray();

    public static TraceException Invalid(long size) => new(
        "InvalidRecord",
        TraceErrorKind.InvalidOperation,
        $"The kernel handed over a record of {size} bytes, which none of ours has.",
        "This should not happen: please report it.");
}

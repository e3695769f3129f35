using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary>Converts the bytes that the kernel delivered into a sample.</summary>
internal static class SampleBytes
{
    /// <exception cref="TraceException"><c>InvalidRecord</c>: there are not as many as a record has.</exception>
    public static ref readonly TSample As<TSample>(ReadOnlySpan<byte> bytes)
        where TSample : struct
    {
        if (bytes.Length != Unsafe.SizeOf<TSample>())
        {
            throw Invalid(bytes.Length);
        }

        return ref MemoryMarshal.AsRef<TSample>(bytes);
    }

    /// <summary>The bytes that the kernel would deliver.</summary>
    public static byte[] Of<TSample>(in TSample sample)
        where TSample : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<TSample>(in sample)).ToArray();

    public static TraceException Invalid(long size) => new(
        "InvalidRecord",
        TraceErrorKind.InvalidOperation,
        $"The kernel sent a record of {size} bytes, a size that BindSnoop does not know.",
        "This should not happen: please report it.");
}

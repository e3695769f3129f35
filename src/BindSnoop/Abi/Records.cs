using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary>An address in network byte order; an IPv4 one takes the first four bytes.</summary>
[InlineArray(16)]
internal struct AddressBytes
{
    private byte _first;
}

/// <summary>The name of a thread, padded with zeros.</summary>
[InlineArray(16)]
internal struct CommBytes
{
    private byte _first;
}

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

    public static TraceException Invalid(long size) => new(
        "InvalidRecord",
        TraceErrorKind.InvalidOperation,
        $"The kernel handed over a record of {size} bytes, which none of ours has.",
        "This should not happen: please report it.");
}

/// <summary><c>struct endpoint</c> of bpf/record.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct EndpointRecord
{
    public AddressBytes Address;
    public uint ScopeId;
    public ushort Family;
    public ushort Port;
}

/// <summary><c>struct origin</c> of bpf/record.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OriginRecord
{
    public ulong Time;
    public ulong CgroupId;
    public uint ProcessId;
    public uint ThreadId;
    public uint ParentProcessId;
    public uint Uid;
    public uint Gid;
    public uint NetworkNamespace;
    public uint MountNamespace;
    public int ErrorCode;
    public CommBytes Comm;
}

/// <summary><c>struct bind_record</c> of bpf/bind.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BindRecord
{
    public OriginRecord Origin;
    public EndpointRecord Requested;
    public AddressBytes Address;
    public uint InterfaceIndex;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort SocketType;
    public byte Options;
    public byte Ipv6Only;
    public ushort Reserved;
}

/// <summary><c>struct accept_record</c> of bpf/accept.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AcceptRecord
{
    public OriginRecord Origin;
    public AddressBytes LocalAddress;
    public AddressBytes RemoteAddress;
    public uint InterfaceIndex;
    public ushort AddressFamily;
    public ushort LocalPort;
    public ushort RemotePort;
    public ushort ProtocolNumber;
    public uint Reserved;
}

/// <summary><c>struct bind_count_key</c> of bpf/bind.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BindCountKey
{
    public AddressBytes Address;
    public uint InterfaceIndex;
    public int ErrorCode;
    public ushort AddressFamily;
    public ushort Port;
    public ushort ProtocolNumber;
    public ushort NamedFamily;
}

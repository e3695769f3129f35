using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct config</c> of bpf/config.h; a test compares the two.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TraceConfig
{
    /// <summary>MAX_CGROUPS of bpf/cgroup_filter.h.</summary>
    public const int MaxCgroups = 64;

    /// <summary>The constant data that holds it.</summary>
    public const string Map = ".rodata.config";

    public ProtocolBitmap Protocols;
    public uint Cgroups;
    public uint ProcessId;
    public uint Uid;
    public uint Gid;
    public uint NetworkNamespace;
    public uint PidNamespace;
    public byte ByPort;
    public byte ByRemotePort;
    public byte ByProcessId;
    public byte ByUid;
    public byte ByGid;
    public byte ByNetworkNamespace;
    public byte ByProtocol;
    public byte ByAddress;
    public byte ByRemoteAddress;
    public byte ByComm;
    public byte ByCgroupMap;
    public byte ByMountNamespaceMap;
    public byte Ipv4;
    public byte Ipv6;
    public byte IncludeError;
    public byte IncludeWouldBlock;
    public byte Count;
    public byte RequestedOnly;
    public byte FreebindBit;
    public byte TransparentBit;
    public byte BindAddressNoPortBit;
    public CgroupHooks CgroupHooks;
    public CountBy CountBy;
    public ReservedBytes Reserved;

    [InlineArray(5)]
    public struct ReservedBytes
    {
        private byte _first;
    }

    [InlineArray(8)]
    public struct ProtocolBitmap
    {
        private ulong _first;
    }
}

using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct origin</c> of bpf/sample.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SampleOrigin
{
    /// <summary>HOST_ID of bpf/process.h, set in the ids of processes.</summary>
    public const uint HostId = 0x80000000;

    public ulong Time;
    public ulong CgroupId;
    public ulong Inode;
    public ulong SocketCgroupId;
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

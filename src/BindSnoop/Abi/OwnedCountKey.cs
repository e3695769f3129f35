using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct owned_count_key</c> of bpf/counts.h; zero is what callers are not distinguished by.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OwnedCountKey
{
    public BindCountKey Call;
    public ulong CgroupId;
    public CommBytes Comm;
    public uint Uid;
    public uint Padding;
}

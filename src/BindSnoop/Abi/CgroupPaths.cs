using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct cgroup_paths</c> of bpf/cgroup_filter.h: which paths lead through a place.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPaths
{
    public ulong Paths;
    public ulong Depth;
}

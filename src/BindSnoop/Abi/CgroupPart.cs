using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct cgroup_part</c> of bpf/cgroup_filter.h: which part of which path.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPart
{
    /// <summary>The map of their names.</summary>
    public const string Map = "cgroup_parts";

    public uint Path;
    public uint Depth;
}

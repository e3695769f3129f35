using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct cgroup_place</c> of bpf/cgroup_filter.h: a key of the places that are followed.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPlace
{
    /// <summary>The map of them.</summary>
    public const string Map = "cgroup_places";

    public ulong Parent;
    public CgroupName Name;
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary>The name of a cgroup, padded with zeros.</summary>
[InlineArray(Size)]
internal struct CgroupName
{
    /// <summary>CGROUP_NAME_SIZE of bpf/cgroup_filter.h.</summary>
    public const int Size = 256;

    private byte _first;
}

/// <summary><c>struct cgroup_place</c> of bpf/cgroup_filter.h: a key of the places that are followed.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPlace
{
    /// <summary>The map of them.</summary>
    public const string Map = "cgroup_places";

    public ulong Parent;
    public CgroupName Name;
}

/// <summary><c>struct cgroup_paths</c> of bpf/cgroup_filter.h: which paths lead through a place.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPaths
{
    public ulong Paths;
    public ulong Depth;
}

/// <summary><c>struct cgroup_part</c> of bpf/cgroup_filter.h: which part of which path.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupPart
{
    /// <summary>The map of their names.</summary>
    public const string Map = "cgroup_parts";

    public uint Path;
    public uint Depth;
}

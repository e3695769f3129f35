using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct cgroup_state</c> of bpf/cgroup_filter.h: what has happened to a path since the start.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CgroupState
{
    /// <summary>The map that has one of them for each path.</summary>
    public const string Map = ".data.cgroups";

    public ulong Id;
    public uint Level;
    public uint Made;
    public uint Removed;
    public uint Lost;
}

using System.Runtime.CompilerServices;

namespace BindSnoop.Abi;

/// <summary>The name of a cgroup, padded with zeros.</summary>
[InlineArray(Size)]
internal struct CgroupName
{
    /// <summary>CGROUP_NAME_SIZE of bpf/cgroup_filter.h.</summary>
    public const int Size = 256;

    private byte _first;
}

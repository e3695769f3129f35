namespace BindSnoop.Abi;

/// <summary><c>enum count_by</c> of bpf/config.h: whom calls are counted for.</summary>
[Flags]
internal enum CountBy : byte
{
    /// <summary>Whoever makes them.</summary>
    Anyone = 0,

    /// <summary>Each cgroup.</summary>
    Cgroup = 1,

    /// <summary>Each name of a thread.</summary>
    Comm = 2,

    /// <summary>Each real user.</summary>
    Uid = 4,
}

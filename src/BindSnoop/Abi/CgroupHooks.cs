namespace BindSnoop.Abi;

/// <summary><c>enum cgroup_hooks</c> of bpf/config.h: which hooks there are with those of the Cgroup back end.</summary>
internal enum CgroupHooks : byte
{
    /// <summary>It is another back end.</summary>
    None,

    /// <summary>No others.</summary>
    Alone,

    /// <summary>Others for nothing but what cgroup programs cannot see of successes.</summary>
    AndOwn,

    /// <summary>Others for all calls, which leave out what cgroup programs have reported.</summary>
    AndAll,
}

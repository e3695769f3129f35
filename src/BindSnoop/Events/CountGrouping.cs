using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop;

/// <summary>Sums counts by what was asked for.</summary>
/// <param name="groups">What that is.</param>
/// <param name="kind">The kind of event that was counted.</param>
/// <param name="lookUp">Finds the path of a cgroup, and what is known of its container.</param>
internal sealed class CountGrouping(
    IReadOnlyList<CountGroup> groups, EventDefinition kind, Func<ulong, (string Path, ContainerFacts? Container)> lookUp)
{
    private readonly Dictionary<CountGroupKey, (long Count, long Failed)> _sums = [];

    /// <summary>How many calls came from cgroups that were gone before they could be looked up.</summary>
    public long UnknownCallers { get; private set; }

    /// <summary>Adds what was counted under a key.</summary>
    public void Add(in OwnedCountKey key, long count)
    {
        BindCount call = new(key.Call, count, kind);
        CountGroupKey group = new()
        {
            Address = groups.Contains(CountGroup.Address) ? call.Address : null,
            Port = groups.Contains(CountGroup.Port) ? call.Port : null,
            Protocol = groups.Contains(CountGroup.Protocol) ? call.Protocol : null,
            Comm = groups.Contains(CountGroup.Comm) ? TraceEvent.CommOf(key.Comm) : null,
            Uid = groups.Contains(CountGroup.User) ? key.Uid : null,
        };
        if (key.CgroupId != 0)
        {
            group = WithOwner(group, key.CgroupId, count);
        }

        (long sum, long failed) = _sums.GetValueOrDefault(group);
        _sums[group] = (sum + count, failed + (call.ErrorCode != 0 ? count : 0));
    }

    /// <summary>The sums, highest first; those of the same height by name.</summary>
    public IReadOnlyList<BindCountGroup> ToGroups() =>
    [
        .. _sums.Select(s => new BindCountGroup(groups, s.Key, s.Value.Count, s.Value.Failed))
            .OrderByDescending(g => g.Count)
            .ThenBy(g => g.Port)
            .ThenBy(g => g.Name, StringComparer.Ordinal),
    ];

    private CountGroupKey WithOwner(CountGroupKey group, ulong cgroupId, long count)
    {
        (string path, ContainerFacts? container) = lookUp(cgroupId);
        if (path.Length == 0)
        {
            UnknownCallers += count;
            return group;
        }

        CgroupOwner owner = CgroupOwner.Of(path);
        if (groups.Contains(CountGroup.Unit))
        {
            group = group with { Unit = owner.Unit, UserUnit = owner.UserUnit };
        }

        // A container that was started again by its name is the same to whoever asks; one of another pod is not.
        bool byContainer = groups.Contains(CountGroup.Container);
        if (byContainer || groups.Contains(CountGroup.Pod))
        {
            group = group with { PodName = container?.PodName, PodNamespace = container?.PodNamespace };
        }

        return !byContainer ? group : group with
        {
            ContainerName = container?.Name,
            ContainerRuntime = container?.Runtime,
            ContainerId = container?.Name is null ? owner.ContainerId : null,
            UserContainerId = owner.ContainerId!.Length == 0 ? owner.UserContainerId : null,
        };
    }
}

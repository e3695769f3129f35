using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop.Reading;

/// <summary>
/// Leaves out events of other containers than those requested. The kernel cannot do this: it knows no names, and a
/// container that is started again has another cgroup. One thread reads by it; another may read the warnings.
/// </summary>
/// <param name="wanted">Names and ids; none if all containers are wanted.</param>
internal sealed class ContainerFilter(IReadOnlyList<string> wanted)
{
    // A container may be given another name.
    private readonly LookUpCache<string, Verdict> _verdicts = new(4096, TimeSpan.FromSeconds(1));
    private long _doubtful;
    private bool _isReported;

    /// <summary>Whether there is anything to leave out.</summary>
    public bool IsSet => wanted.Count > 0;

    /// <summary>Whether an event is wanted. If its container cannot be determined, it is left out, and a warning says so.</summary>
    public bool Wants(in SampleOrigin origin)
    {
        string cgroupPath = Cgroups.PathOf(origin.CgroupId);
        if (!_verdicts.TryGet(cgroupPath, out Verdict? verdict))
        {
            verdict = _verdicts.Remember(cgroupPath, new(Containers.AreOf(wanted, cgroupPath)));
        }

        if (verdict!.IsWanted is null)
        {
            Interlocked.Increment(ref _doubtful);
        }

        return verdict.IsWanted == true;
    }

    /// <summary>What was not said before: that events are missing. Once.</summary>
    public IReadOnlyList<string> ReadWarnings()
    {
        if (_isReported || Interlocked.Read(ref _doubtful) == 0)
        {
            return [];
        }

        _isReported = true;
        return ["Some calls are left out because their container could not be determined. Trace without the container filter to see them."];
    }

    private sealed record Verdict(bool? IsWanted);
}

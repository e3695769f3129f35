using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>Reports which cgroups of a filter no longer exist. One thread at a time.</summary>
internal sealed unsafe class CgroupWatch : IDisposable
{
    private readonly IReadOnlyList<string> _paths;
    private readonly bool[] _gone;
    private readonly bool[] _lost;
    private readonly MemoryMap _states;

    public CgroupWatch(LoadedTracer tracer, IReadOnlyList<string> paths)
    {
        _paths = paths;
        _gone = new bool[paths.Count];
        _lost = new bool[paths.Count];
        _states = MemoryMap.Map(tracer.Object.MapFd(CgroupState.Map), (nuint)(TraceConfig.MaxCgroups * sizeof(CgroupState)), writable: false, 0);
    }

    /// <summary>What is to be reported that was not reported before, one sentence each. A cgroup that has been made anew is traced without a gap.</summary>
    public IReadOnlyList<string> Look()
    {
        List<string>? warnings = null;
        CgroupState* states = (CgroupState*)_states.Pointer;
        for (int i = 0; i < _paths.Count; i++)
        {
            // It was there at the start, and is removed and made by turns.
            bool gone = Volatile.Read(ref states[i].Removed) > Volatile.Read(ref states[i].Made);
            if (gone != _gone[i])
            {
                _gone[i] = gone;
                (warnings ??= []).Add(gone
                    ? $"The cgroup '{DisplayText.Escape(_paths[i])}' no longer exists. It is traced again as soon as it is created again."
                    : $"The cgroup '{DisplayText.Escape(_paths[i])}' exists again, and has been traced since it was created.");
            }

            if (!_lost[i] && Volatile.Read(ref states[i].Lost) != 0)
            {
                _lost[i] = true;
                (warnings ??= []).Add($"The cgroup '{DisplayText.Escape(_paths[i])}' is no longer followed: if it is created again, its calls will be missing.");
            }
        }

        return warnings ?? (IReadOnlyList<string>)[];
    }

    public void Dispose() => _states.Dispose();
}

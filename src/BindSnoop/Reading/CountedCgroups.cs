using System.Collections.Concurrent;
using BindSnoop.Host;

namespace BindSnoop.Reading;

/// <summary>
/// Looks up cgroups when their first call is counted: a container may be gone before anybody reads the counts. There are
/// never more of them than counts.
/// </summary>
internal sealed class CountedCgroups : IDisposable
{
    private readonly ConcurrentDictionary<ulong, (string Path, ContainerFacts? Container)> _known = [];
    private readonly CountSession _session;
    private readonly Task _reading;
    private volatile bool _stopping;

    public CountedCgroups(CountSession session)
    {
        _session = session;
        _reading = Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>How many were looked up.</summary>
    public int Known => _known.Count;

    /// <summary>The path of a cgroup, which is empty if it is not known, and what is known of its container.</summary>
    public (string Path, ContainerFacts? Container) Of(ulong id)
    {
        if (_reading.IsFaulted)
        {
            _reading.GetAwaiter().GetResult();
        }

        return _known.TryGetValue(id, out (string, ContainerFacts?) known) ? known : LookUp(id);
    }

    /// <summary>Looks up those whose ids are on their way.</summary>
    public void CatchUp()
    {
        foreach (ulong id in _session.TakeCgroups())
        {
            LookUp(id);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        _session.InterruptWait();
        Task.WaitAny(_reading);
    }

    private void Read()
    {
        while (!_stopping)
        {
            CatchUp();
            _session.WaitForCgroups();
        }
    }

    private (string Path, ContainerFacts? Container) LookUp(ulong id)
    {
        string path = Cgroups.PathOf(id);
        return path.Length == 0 ? ("", null) : _known[id] = (path, Containers.Of(path));
    }
}

using BindSnoop.Host;

namespace BindSnoop.Records;

/// <summary>The content of a row of <see cref="RecordTuples{T}"/>.</summary>
internal interface IRecordTuple
{
    /// <summary>The table.</summary>
    static abstract string Table { get; }

    /// <summary>Puts a row in; its first two parameters are the number and the time.</summary>
    static abstract string Insert { get; }

    /// <summary>Sets the other parameters of <see cref="Insert"/>.</summary>
    void Bind(RecordStatement insert);
}

/// <summary>Who made a call: a row of <c>who</c>.</summary>
internal readonly record struct RecordWho(
    string Comm, uint Uid, uint? Gid, int? ParentProcessId, bool IsHostProcessId, uint NetworkNamespace, uint? MountNamespace, string CgroupPath,
    ContainerFacts? Container) : IRecordTuple
{
    public static string Table => "who";

    public static string Insert =>
        "INSERT INTO who(id, seen, comm, uid, gid, ppid, outside, netns, mntns, cgroup, container, image, runtime, pod, podns) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

    /// <summary>Who made the call of an event.</summary>
    public static RecordWho Of(TraceEvent next) => new(
        next.Comm, next.Uid, next.Gid, next.ParentProcessId, next.IsHostProcessId, next.NetworkNamespace, next.MountNamespace, next.CgroupPath, next.Container);

    public void Bind(RecordStatement insert)
    {
        insert.Bind(3, Comm);
        insert.Bind(4, Uid);
        insert.Bind(5, Gid);
        insert.Bind(6, ParentProcessId);
        insert.Bind(7, IsHostProcessId ? 1 : 0);
        insert.Bind(8, NetworkNamespace);
        insert.Bind(9, MountNamespace);
        insert.Bind(10, CgroupPath);

        // Outside of containers takes no room: the path of the cgroup says so.
        ContainerFacts? container = Container == ContainerFacts.None ? null : Container;
        insert.Bind(11, container?.Name);
        insert.Bind(12, container?.Image);
        insert.Bind(13, container?.Runtime);
        insert.Bind(14, container?.PodName);
        insert.Bind(15, container?.PodNamespace);
    }
}

/// <summary>What a call was about, except for the port: a row of <c>what</c>.</summary>
internal readonly record struct RecordWhat(
    ushort Protocol, ushort Type, ushort Family, string? Address, string? Requested, bool IsChosen, RecordOrigin Origin, byte Options, bool IPv6Only,
    uint InterfaceIndex, string InterfaceName) : IRecordTuple
{
    public static string Table => "what";

    public static string Insert =>
        "INSERT INTO what(id, seen, protocol, type, family, address, requested, chosen, origin, options, v6only, ifindex, ifname) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)";

    public void Bind(RecordStatement insert)
    {
        insert.Bind(3, Protocol);
        insert.Bind(4, Type);
        insert.Bind(5, Family);
        insert.Bind(6, Address);
        insert.Bind(7, Requested);
        insert.Bind(8, IsChosen ? 1 : 0);
        insert.Bind(9, (long)Origin);
        insert.Bind(10, Options);
        insert.Bind(11, IPv6Only ? 1 : 0);
        insert.Bind(12, InterfaceIndex);
        insert.Bind(13, InterfaceName);
    }
}

/// <summary>Why a bind failed: a row of <c>finding</c>.</summary>
internal readonly record struct RecordFinding(string Cause, string Explanation, string Holders) : IRecordTuple
{
    public static string Table => "finding";

    public static string Insert => "INSERT INTO finding(id, seen, cause, explanation, holders) VALUES(?,?,?,?,?)";

    public void Bind(RecordStatement insert)
    {
        insert.Bind(3, Cause);
        insert.Bind(4, Explanation);
        insert.Bind(5, Holders);
    }
}

/// <summary>
/// Rows that are referred to by number, so that what repeats takes no room. What is forgotten here, as there are too many, gets
/// another row the next time, which does no harm.
/// </summary>
internal sealed class RecordTuples<T>(RecordDatabase database) : IDisposable
    where T : struct, IRecordTuple
{
    /// <summary>How old <c>seen</c> may be, in microseconds: it is not written anew for each use.</summary>
    public const long SeenSlack = 600_000_000;

    private const int MostKnown = 65536;

    private readonly RecordStatement _insert = database.Prepare(T.Insert);
    private readonly RecordStatement _touch = database.Prepare($"UPDATE {T.Table} SET seen = ?2 WHERE id = ?1");
    private readonly Dictionary<T, (long Id, long Seen)> _known = [];
    private long _last = database.Number($"SELECT max(id) FROM {T.Table}") ?? 0;

    /// <summary>The number of the row.</summary>
    /// <param name="value">What is in it.</param>
    /// <param name="now">When it is used, in the record's time.</param>
    public long IdOf(in T value, long now)
    {
        if (_known.TryGetValue(value, out (long Id, long Seen) known))
        {
            if (now - known.Seen > SeenSlack)
            {
                _touch.Bind(known.Id, now);
                _touch.Run();
                _known[value] = (known.Id, now);
            }

            return known.Id;
        }

        if (_known.Count == MostKnown)
        {
            _known.Clear();
        }

        _insert.Bind(++_last, now);
        value.Bind(_insert);
        _insert.Run();
        _known[value] = (_last, now);
        return _last;
    }

    public void Dispose()
    {
        _insert.Dispose();
        _touch.Dispose();
    }
}

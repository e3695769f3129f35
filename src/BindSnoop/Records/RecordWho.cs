using BindSnoop.Host;

namespace BindSnoop.Records;

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

    /// <summary>Reads a row, of a record that knows containers or not yet; of one that is not there what can be said.</summary>
    public static RecordWho Read(RecordDatabase database, long id, bool hasContainers)
    {
        string ofContainer = hasContainers ? "container, image, runtime, pod, podns" : "NULL, NULL, NULL, NULL, NULL";
        using RecordStatement query = database.Prepare($"SELECT comm, uid, gid, ppid, outside, netns, mntns, cgroup, {ofContainer} FROM who WHERE id = ?1");
        query.Bind(id);
        return query.Step()
            ? new(
                query.Text(0), (uint)query.Number(1), (uint?)query.NumberOrNull(2), (int?)query.NumberOrNull(3), query.Number(4) != 0,
                (uint)query.Number(5), (uint?)query.NumberOrNull(6), query.Text(7), ContainerOf(query))
            : new("", uint.MaxValue, null, null, false, 0, null, "", null);
    }

    /// <summary>What is known about the row's container; known also if there is none.</summary>
    private static ContainerFacts? ContainerOf(RecordStatement row) =>
        CgroupOwner.Of(row.Text(7)).ContainerId is { Length: 0 } ? ContainerFacts.None
        : new(row.TextOrNull(10), row.TextOrNull(8), row.TextOrNull(9), row.TextOrNull(11), row.TextOrNull(12));
}

using BindSnoop.Names;

namespace BindSnoop.Proving;

/// <summary>What a filter should decide about a call, computed without the kernel.</summary>
internal static class FilterVerdict
{
    /// <summary>Whether it lets the call through; null if that cannot be known from here.</summary>
    public static bool? Of(TraceFilter filter, KnownCall call, KnownCaller caller)
    {
        bool? verdict = And(
            And(Among(filter.ProcessId, (uint?)caller.ProcessId), Among(filter.NetworkNamespace, caller.NetworkNamespace)),
            And(Among(filter.Uid, caller.Uid), Among(filter.Gid, caller.Gid)));
        if (!(filter.Comm.Count == 0 || filter.Comm.Any(c => DisplayText.Escape(ThreadName.Parse(c)) == caller.Comm)) ||
            !(filter.AddressFamily.Count == 0 || filter.AddressFamily.Contains(call.Family)) ||
            !(filter.Protocol.Count == 0 || filter.Protocol.Contains((ushort)call.Protocol)) ||
            !(filter.Port.Count == 0 || filter.Port.Any(p => p.Contains(call.Local.Port) || (call.Requested is { } requested && p.Contains(requested.Port)))) ||
            !(filter.Address.Count == 0 || filter.Address.Any(a => Contains(a, call.Local) || Contains(a, call.Requested))) ||
            !(filter.RemotePort.Count == 0 || filter.RemotePort.Any(p => call.Remote is { } remote && p.Contains(remote.Port))) ||
            !(filter.RemoteAddress.Count == 0 || filter.RemoteAddress.Any(a => Contains(a, call.Remote))) ||
            (filter.RequestedOnly && call.Requested is { Port: 0 }))
        {
            return false;
        }

        // Whether this process is in those is for the kernel alone to say.
        bool? surroundings = filter.Cgroup.Count > 0 || filter.CgroupMap is not null || filter.MountNamespaceMap is not null ? null : true;
        return And(verdict, surroundings);
    }

    private static bool? And(bool? one, bool? other) => one == false || other == false ? false : one is null || other is null ? null : true;

    private static bool? Among(IReadOnlyList<uint> wanted, uint? value) => wanted.Count == 0 ? true : value is { } known ? wanted.Contains(known) : null;

    private static bool Contains(AddressPrefix prefix, System.Net.IPEndPoint? endPoint) =>
        endPoint is not null && prefix.Contains(AddressValue.Of(endPoint.Address));
}

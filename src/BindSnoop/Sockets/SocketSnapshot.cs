using BindSnoop.Host;
using BindSnoop.Sockets;

namespace BindSnoop;

/// <summary>The bound sockets of a machine as they were at one moment.</summary>
public sealed class SocketSnapshot
{
    private SocketSnapshot(IReadOnlyList<BindSocket> sockets, IReadOnlyList<string> unseen, TraceException? refusal)
    {
        Sockets = sockets;
        Unseen = unseen;
        Refusal = refusal;
    }

    /// <summary>Sorted by network namespace (one's own first), protocol, port and address.</summary>
    public IReadOnlyList<BindSocket> Sockets { get; }

    /// <summary>What could not be seen, one sentence for each reason; empty if nothing is known to be missing.</summary>
    public IReadOnlyList<string> Unseen { get; }

    /// <summary>Why the kernel was not asked by BPF programs, which see most; null if it was.</summary>
    public TraceException? Refusal { get; }

    /// <summary>
    /// Takes one by BPF programs, which takes CAP_BPF and CAP_PERFMON; without them by sock_diag and /proc, as far as
    /// this process may look.
    /// </summary>
    /// <exception cref="TraceException">A filter is wrong.</exception>
    public static SocketSnapshot Take(SocketFilter filter)
    {
        Platform.EnsureLinux(OperatingSystem.IsLinux());
        HostRoot.EnsureFound();
        SocketSelection selection = new(filter);
        List<string> unseen = [];
        try
        {
            using SocketProgram program = new(findsOwners: false);
            return new SocketSnapshot(Sort(BpfSockets.Read(program, selection, unseen).Where(selection.Wants)), unseen, null);
        }
        catch (TraceException refusal)
        {
            unseen.Clear();
            return new SocketSnapshot(Sort(NetlinkSockets.Read(unseen).Where(selection.Wants)), unseen, refusal);
        }
    }

    private static BindSocket[] Sort(IEnumerable<BindSocket> sockets)
    {
        uint own = NetworkNamespaces.Own;
        BindSocket[] sorted = [.. sockets];

        // Numbers sort many times faster than objects that have to be asked, and few sockets have the same.
        ulong[] keys = Array.ConvertAll(sorted, s =>
            ((ulong)(s.NetworkNamespace == own ? 0 : s.NetworkNamespace) << 32) | ((ulong)(ushort)s.ProtocolNumber << 16) | (ushort)s.Port);
        Array.Sort(keys, sorted);
        for (int start = 0, end; start < keys.Length; start = end)
        {
            for (end = start + 1; end < keys.Length && keys[end] == keys[start]; end++)
            {
            }

            if (end > start + 1)
            {
                sorted.AsSpan(start..end).Sort(CompareAddresses);
            }
        }

        return sorted;
    }

    private static int CompareAddresses(BindSocket a, BindSocket b)
    {
        int order = a.Sample.AddressFamily.CompareTo(b.Sample.AddressFamily);
        order = order != 0 ? order : ((ReadOnlySpan<byte>)a.Sample.Address).SequenceCompareTo(b.Sample.Address);
        return order != 0 ? order : a.Inode.CompareTo(b.Inode);
    }
}

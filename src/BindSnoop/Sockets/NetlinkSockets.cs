using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Sockets;

/// <summary>
/// The second way: sock_diag(7) in every network namespace that can be entered, and /proc for the processes. Without
/// privileges these are one's own namespace and one's own processes.
/// </summary>
internal static class NetlinkSockets
{
    /// <summary>Which kernels list TCP sockets that are bound and do not listen: 91051f003948, "tcp: Dump bound-only sockets in inet_diag.".</summary>
    public static readonly Version ListsBound = new(6, 8);

    /// <summary>Reads all sockets; what the selection asks for is still to be looked at.</summary>
    /// <param name="unseen">Takes up what could not be seen.</param>
    public static IReadOnlyList<BindSocket> Read(List<string> unseen)
    {
        ProcessFiles files = ProcessFiles.Read();
        List<SockDiagSocket> found = [];
        uint own = NetworkNamespaces.Own;
        SockDiag.Read(own, found, unseen);
        foreach (string name in NetworkNamespaces.Names)
        {
            if (NetworkNamespaces.InodeOf($"/run/netns/{name}") is { } inode)
            {
                files.Namespaces.TryAdd(inode, $"/run/netns/{name}");
            }
        }

        int refused = files.Namespaces.Count(n => n.Key != own && !ReadIn(n.Key, n.Value, found, unseen));
        if (refused > 0 || !Capabilities.Has(Capabilities.CapSysAdmin))
        {
            unseen.Add("Only network namespaces that this process may enter are listed: others require CAP_SYS_ADMIN and CAP_SYS_PTRACE.");
        }

        if (files.Refused > 0)
        {
            unseen.Add($"The descriptors of {files.Refused} processes could not be read, which requires CAP_SYS_PTRACE: their sockets are shown as held by Unknown.");
        }

        if (Environment.OSVersion.Version < ListsBound)
        {
            unseen.Add("TCP sockets that are bound and do not listen are not listed: before Linux 6.8, that requires CAP_BPF and CAP_PERFMON.");
        }

        return Join(found, files);
    }

    private static List<BindSocket> Join(List<SockDiagSocket> found, ProcessFiles files)
    {
        DateTime time = DateTime.Now;
        KernelClock clock = default;
        clock.Synchronize();
        Dictionary<int, (string Comm, long Start, string CgroupPath)> processes = [];
        HashSet<ulong> multipath = [.. found.Where(f => f.Sample.ProtocolNumber == Protocols.Mptcp).Select(f => f.Sample.Inode)];
        List<BindSocket> sockets = [];
        foreach ((SocketSample sample, SocketFacts known) in found)
        {
            // The TCP sockets that an MPTCP socket is made of.
            if (sample.ProtocolNumber == 6 && sample.Inode != 0 && multipath.Contains(sample.Inode))
            {
                continue;
            }

            SocketOwner[] owners = sample.Inode != 0 && files.Owners.TryGetValue(sample.Inode, out List<(int ProcessId, int Descriptor)>? holders)
                ? [.. holders.OrderBy(h => Process(h.ProcessId).Start).ThenBy(h => h).Select(h => OwnerOf(h.ProcessId, h.Descriptor))]
                : [];
            string interfaceName = NetworkInterfaces.NameOf(sample.InterfaceIndex, sample.NetworkNamespace, owners.Length > 0 ? (uint)owners[0].ProcessId : 0);
            sockets.Add(new BindSocket(sample, known, HeldByOf(sample, owners.Length), owners, interfaceName, time, BindSocket.FromNetlink));
        }

        return sockets;

        (string Comm, long Start, string CgroupPath) Process(int id)
        {
            if (!processes.TryGetValue(id, out var process))
            {
                process = (Processes.CommOf(id), Processes.StartOf(id) ?? 0, Cgroups.PathOfProcess(id));
                processes.Add(id, process);
            }

            return process;
        }

        SocketOwner OwnerOf(int id, int descriptor)
        {
            (string comm, long start, string cgroupPath) = Process(id);
            DateTime? startTime = start > 0 ? new DateTime(clock.ToUtcTicks((ulong)start), DateTimeKind.Utc).ToLocalTime() : null;
            return new SocketOwner(id, comm, descriptor, startTime, cgroupPath);
        }
    }

    private static string HeldByOf(in SocketSample sample, int owners) =>
        owners > 0 ? nameof(HeldBy.Process)
        : sample.State == TcpStates.TimeWait ? nameof(HeldBy.TimeWait)
        : sample.Inode != 0 ? BindSocket.HeldByUnknown
        : sample.State is TcpStates.Established or TcpStates.SynReceived or TcpStates.CloseWait ? nameof(HeldBy.AcceptQueue)
        : nameof(HeldBy.Orphan);

    /// <summary>False if the namespace may not be entered.</summary>
    private static bool ReadIn(uint networkNamespace, string path, List<SockDiagSocket> sockets, List<string> unseen)
    {
        bool entered = false;

        // A thread that has changed its namespace can serve nothing else afterwards.
        Thread thread = new(() =>
        {
            using FileDescriptor target = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            if (!target.IsInvalid && Libc.InodeOf(target) == networkNamespace && Libc.setns(target, Libc.CLONE_NEWNET) == 0)
            {
                entered = true;
                SockDiag.Read(networkNamespace, sockets, unseen);
            }
        });
        thread.IsBackground = true;
        thread.Start();
        thread.Join();
        return entered;
    }
}

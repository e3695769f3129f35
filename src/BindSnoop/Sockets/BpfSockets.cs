using System.Diagnostics;
using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Sockets;

/// <summary>
/// Joins what the BPF programs find: the descriptors of all processes, and the sockets in the kernel's tables, which
/// also list those that no process holds.
/// </summary>
internal sealed class BpfSockets
{
    /// <summary>What is said where a list could not be read to its end.</summary>
    public const string ListsUnread = "Some kernel lists changed too fast to be read: sockets that no process holds may be missing.";

    // One who closes a socket is seldom kept from it for longer.
    private const int FewestPauses = 1;

    // How long to wait before each look after the first: with the last only while a process exits.
    private static readonly TimeSpan[] s_pauses = [TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(125)];

    private readonly SocketProgram _program;
    private readonly List<string> _unseen;
    private readonly DateTime _time = DateTime.Now;
    private readonly Dictionary<(uint Id, ulong Start), (string Comm, DateTime Start, string CgroupPath)> _processes = [];
    private readonly List<BindSocket> _sockets = [];
    private KernelClock _clock;

    private BpfSockets(SocketProgram program, List<string> unseen)
    {
        _program = program;
        _unseen = unseen;
        _clock.Synchronize();
    }

    /// <summary>Reads the sockets of the ports selected; what else the selection asks for is still to be looked at.</summary>
    /// <param name="unseen">Takes up what could not be seen.</param>
    public static IReadOnlyList<BindSocket> Read(SocketProgram program, SocketSelection selection, List<string> unseen)
    {
        BpfSockets sockets = new(program, unseen);
        sockets.Read(selection);
        return sockets._sockets;
    }

    /// <summary>
    /// Reads the sockets of some ports, as <see cref="Read(SocketProgram, SocketSelection, List{string})"/> does, but asks the
    /// kernel's tables first and then looks for the descriptors of what they have.
    /// </summary>
    /// <returns>Null if a table changed too fast to be read.</returns>
    public static IReadOnlyList<BindSocket>? ReadPorts(SocketProgram program, IReadOnlyCollection<(SocketTable Table, uint NetworkNamespace, ushort Port)> ports)
    {
        BpfSockets sockets = new(program, []);
        return sockets.ReadPorts(ports) ? sockets._sockets : null;
    }

    /// <summary>Reads a socket through one process that holds it, which shows no other holder.</summary>
    /// <param name="processId">An id of the initial PID namespace.</param>
    /// <returns>Null if the process has no bound socket of that number, or before Linux 5.17.</returns>
    public static BindSocket? Find(SocketProgram program, uint processId, ulong inode)
    {
        using DescriptorSamples descriptors = new();
        if (!program.ReadFilesOf(processId, descriptors.Samples))
        {
            return null;
        }

        descriptors.Join();
        BpfSockets sockets = new(program, []);
        foreach (int first in descriptors.Sockets.Where(first => descriptors.Samples[first].Inode == inode))
        {
            sockets.Add(descriptors.Samples[first], nameof(HeldBy.Process), descriptors, first);
        }

        return sockets._sockets.Count > 0 ? sockets._sockets[0] : null;
    }

    private void Read(SocketSelection selection)
    {
        _program.Select(selection.Ports, selection.Connections);
        using DescriptorSamples descriptors = new();
        using SocketSamples listed = new();

        // At the same time, for either takes as long as the other. Sockets that only one of them has seen are looked at again.
        Task<bool> tables = Task.Factory.StartNew(
            () => _program.ReadTables(listed), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        bool whole;
        try
        {
            _program.ReadFiles(descriptors.Samples);
        }
        finally
        {
            whole = tables.GetAwaiter().GetResult();
        }

        descriptors.Join();
        if (!whole)
        {
            _unseen.Add(ListsUnread);
        }

        Dictionary<ulong, SocketSample> others = Without(descriptors, listed);
        Add(descriptors, [.. others.Values.Where(r => selection.MayWant(r))], selection.Connections);
        if (!Processes.SeesAll)
        {
            _unseen.Add("Processes outside of this PID namespace could not be seen: sockets that only they hold are shown as held by Unknown, or not at all.");
        }
    }

    private bool ReadPorts(IReadOnlyCollection<(SocketTable Table, uint NetworkNamespace, ushort Port)> ports)
    {
        _program.Select([.. ports.Select(p => new PortRange(p.Port, p.Port))], true);
        using SocketSamples listed = new();
        foreach (var table in ports.ToLookup(p => p.Table, p => (p.NetworkNamespace, p.Port)))
        {
            if (!_program.ReadPorts(table.Key, [.. table.Distinct()], listed))
            {
                return false;
            }
        }

        List<ulong> files = [];
        for (int i = 0; i < listed.Count; i++)
        {
            if (listed[i].File != 0)
            {
                files.Add(listed[i].File);
            }
        }

        using DescriptorSamples descriptors = new();
        if (files.Count > 0)
        {
            _program.ReadFilesOf(files, descriptors.Samples);
        }

        descriptors.Join();
        Add(descriptors, [.. Without(descriptors, listed).Values], true);
        return true;
    }

    /// <param name="others">What no process was seen to hold.</param>
    private void Add(DescriptorSamples descriptors, SocketSample[] others, bool connections)
    {
        SocketSample[] doubtful = LookAgain([.. others.Where(r => r.HeldBy == HeldBy.File)], connections, out bool isAnyExiting);
        long looked = Stopwatch.GetTimestamp();
        foreach (int first in descriptors.Sockets)
        {
            Add(descriptors.Samples[first], nameof(HeldBy.Process), descriptors, first);
        }

        foreach (SocketSample sample in others.Where(r => r.HeldBy != HeldBy.File))
        {
            Add(sample, sample.HeldBy.ToString(), null, 0);
        }

        for (int look = 0; doubtful.Length > 0 && (look < FewestPauses || (isAnyExiting && look < s_pauses.Length)); look++)
        {
            TimeSpan left = s_pauses[look] - Stopwatch.GetElapsedTime(looked);
            if (left > TimeSpan.Zero)
            {
                Thread.Sleep(left);
            }

            doubtful = LookAgain(doubtful, connections, out isAnyExiting);
            looked = Stopwatch.GetTimestamp();
        }

        foreach (SocketSample sample in doubtful)
        {
            Add(sample, Processes.SeesAll && !isAnyExiting ? BindSocket.InFlight : BindSocket.HeldByUnknown, null, 0);
        }
    }

    /// <summary>What the tables have and no process was seen to hold.</summary>
    private static Dictionary<ulong, SocketSample> Without(DescriptorSamples descriptors, SocketSamples listed)
    {
        Dictionary<ulong, SocketSample> others = [];
        for (int i = 0; i < listed.Count; i++)
        {
            ref readonly SocketSample sample = ref listed[i];
            if (!descriptors.Has(sample.Socket) && !IsClosing(sample))
            {
                others.TryAdd(sample.Socket, sample);
            }
        }

        return others;
    }

    /// <summary>
    /// A socket with a file and without a process was made after its process was looked at, is being closed, or has only
    /// descriptors that are under way. To find out, looks for its owner again, and after that for the socket. Who closes it
    /// has taken it out of its descriptors before, and may be kept from going on for a while.
    /// </summary>
    /// <returns>Those of which that is still not known.</returns>
    private SocketSample[] LookAgain(SocketSample[] doubtful, bool connections, out bool isAnyExiting)
    {
        isAnyExiting = false;
        if (doubtful.Length == 0)
        {
            return doubtful;
        }

        _program.Select([.. doubtful.Select(r => r.Port).Distinct().Select(p => new PortRange(p, p))], connections);
        using DescriptorSamples descriptors = new();
        _program.ReadFilesOf(doubtful.Select(r => r.File), descriptors.Samples);
        descriptors.Join();
        isAnyExiting = _program.IsAnyExiting();
        using SocketSamples listed = new();
        bool whole = true;
        foreach (var table in doubtful.ToLookup(r => TableOf(r.ProtocolNumber), r => (r.NetworkNamespace, r.Port)))
        {
            whole &= _program.ReadPorts(table.Key, [.. table.Distinct()], listed);
        }

        if (!whole && !_unseen.Contains(ListsUnread))
        {
            _unseen.Add(ListsUnread);
        }

        return StillDoubtful(doubtful, descriptors, Without(descriptors, listed));
    }

    /// <summary>Adds those of which there is a holder now.</summary>
    /// <returns>Those of which there is none, and that are still there.</returns>
    private SocketSample[] StillDoubtful(SocketSample[] doubtful, DescriptorSamples descriptors, Dictionary<ulong, SocketSample> without)
    {
        List<SocketSample> still = [];
        foreach (SocketSample sample in doubtful)
        {
            if (descriptors.Find(sample.Socket, sample.Inode, sample.ProtocolNumber) is { } first)
            {
                Add(descriptors.Samples[first], nameof(HeldBy.Process), descriptors, first);
            }
            else if (without.TryGetValue(sample.Socket, out SocketSample now) && now.Inode == sample.Inode && now.HeldBy == HeldBy.File)
            {
                still.Add(now);
            }
        }

        return [.. still];
    }

    private void Add(in SocketSample sample, string heldBy, DescriptorSamples? descriptors, int first)
    {
        SocketOwner[] owners = descriptors is null ? [] : OwnersOf(descriptors, first);

        // What is left of a closed connection has no user.
        SocketFacts known = sample.HeldBy is not (HeldBy.TimeWait or HeldBy.Orphan) ? SocketFacts.All : SocketFacts.All & ~SocketFacts.Uid;
        string interfaceName = NetworkInterfaces.NameOf(sample.InterfaceIndex, sample.NetworkNamespace, owners.Length > 0 ? (uint)owners[0].ProcessId : 0);
        _sockets.Add(new BindSocket(sample, known, heldBy, owners, interfaceName, _time, "Kernel"));
    }

    private SocketOwner[] OwnersOf(DescriptorSamples descriptors, int first) => descriptors.IsOnly(first)
        ? [OwnerOf(descriptors.Samples[first])]
        : [.. descriptors.Of(first).Select(place => OwnerOf(descriptors.Samples[place]))];

    private SocketOwner OwnerOf(in SocketSample sample)
    {
        (uint, ulong) process = (sample.ProcessId, sample.ProcessStart);
        if (!_processes.TryGetValue(process, out (string Comm, DateTime Start, string CgroupPath) facts))
        {
            DateTime start = new DateTime(_clock.ToUtcTicks(sample.ProcessStart), DateTimeKind.Utc).ToLocalTime();
            facts = (TraceEvent.CommOf(sample.Comm), start, Cgroups.PathOf(sample.CgroupId));
            _processes.Add(process, facts);
        }

        return new SocketOwner((int)sample.ProcessId, facts.Comm, (int)sample.Descriptor, facts.Start, facts.CgroupPath);
    }

    private static SocketTable TableOf(ushort protocol) =>
        Enum.IsDefined((SocketTable)protocol) ? (SocketTable)protocol : SocketTable.Tcp;

    /// <summary>Taken from its process, and not yet out of the table.</summary>
    private static bool IsClosing(in SocketSample sample) =>
        sample.HeldBy == HeldBy.Nothing || sample.HeldBy is HeldBy.Orphan or HeldBy.AcceptQueue && sample.State is TcpStates.Close or TcpStates.Listen;
}

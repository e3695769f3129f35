using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Records;

/// <summary>
/// The sockets that hold ports now, as far as a record knows: what calls and looks at all sockets say of them becomes the rows of
/// <c>bind</c>. All times are in the record's own.
/// </summary>
internal sealed class RecordHoldings(RecordRows rows)
{
    private readonly Dictionary<long, Holding> _open = [];

    // What was released since the look that is going on began, which may still have found it: when, if it was not known before.
    private readonly Dictionary<long, long?> _released = [];
    private long _lookBegan = long.MaxValue;

    /// <summary>How many there are.</summary>
    public int Count => _open.Count;

    /// <summary>The port and the row of each.</summary>
    public IEnumerable<(ushort Port, long Id)> Rows => _open.Values.Select(h => (h.Port, h.Id));

    /// <summary>When all sockets were seen last: nothing that is new to a look is older.</summary>
    public long Seen { get; set; }

    /// <summary>Continues with the sockets that the record lists as held.</summary>
    /// <param name="seen">When all sockets were seen last.</param>
    public void Read(RecordDatabase database, RecordEpochs epochs, long seen)
    {
        Seen = seen;
        using RecordStatement open = database.Prepare(
            "SELECT id, inode, port FROM bind WHERE held = ?1 AND (id >= ?2 OR id IN (SELECT id FROM carried WHERE epoch = ?3))");
        open.Bind(RecordSchema.Open, epochs.Began, epochs.Id);
        while (open.Step())
        {
            long id = open.Number(0);
            _open[open.Number(1)] = new(id, Math.Max(id, seen), (ushort)open.Number(2));
        }
    }

    /// <summary>The machine booted: no socket outlives its kernel.</summary>
    public void EndAll(long boot)
    {
        foreach (Holding holding in _open.Values)
        {
            End(holding, Math.Max(boot, holding.Seen));
        }

        _open.Clear();
    }

    /// <summary>Whether a socket is known to hold a port.</summary>
    public bool Contains(long inode) => _open.ContainsKey(inode);

    /// <summary>A call gave a socket its port. One that had another before let that go at some moment since it was seen.</summary>
    public void Begin(long time, TraceEvent call, int port, in RecordWhat what)
    {
        if (_open.Remove(call.Inode, out Holding before))
        {
            End(before, time);
        }

        Begin(time, null, port, RecordWho.Of(call), what, call.ProcessId, call.ThreadId, call.Inode);
    }

    /// <summary>A socket let its port go.</summary>
    public void End(long inode, long time)
    {
        bool isKnown = _open.Remove(inode, out Holding holding);
        if (isKnown)
        {
            EndAt(holding, time);
        }

        if (time >= _lookBegan)
        {
            _released[inode] = isKnown ? null : time;
        }
    }

    /// <summary>A look at all sockets begins, which <see cref="Compare"/> ends.</summary>
    public void BeginLook(long begin)
    {
        _lookBegan = begin;
        _released.Clear();
    }

    /// <summary>Compares with a scan of all sockets: unknown sockets were bound since the previous scan.</summary>
    /// <param name="begin">When the look began.</param>
    public void Compare(IReadOnlyList<BindSocket> sockets, long begin)
    {
        _lookBegan = long.MaxValue;
        foreach (BindSocket socket in sockets)
        {
            if (socket.Inode == 0)
            {
                continue;
            }

            ref Holding known = ref CollectionsMarshal.GetValueRefOrNullRef(_open, socket.Inode);
            if (!Unsafe.IsNullRef(ref known))
            {
                known = known with { Seen = Math.Max(known.Seen, begin) };
            }
            else if (socket.Port != 0 && Sockets.SocketSelection.HolderStates.Contains(socket.State))
            {
                BeginFound(socket, begin);
            }
        }
    }

    /// <summary>The scan was complete: sockets that it did not find were released since they were last seen.</summary>
    /// <param name="begin">When the look began.</param>
    /// <param name="end">When it ended.</param>
    public void EndUnseen(long begin, long end)
    {
        foreach ((long inode, Holding holding) in _open)
        {
            if (holding.Seen < begin)
            {
                End(holding, end);
                _open.Remove(inode);
            }
        }

        Seen = begin;
    }

    private void BeginFound(BindSocket socket, long begin)
    {
        bool isReleased = _released.TryGetValue(socket.Inode, out long? released);
        if (!isReleased || released is not null)
        {
            ref readonly Abi.SocketSample sample = ref socket.Sample;
            Host.ContainerFacts? container = socket.Owners.Count > 0 ? socket.Owners[0].Container : null;
            RecordWho who = new(socket.Comm, socket.Uid ?? uint.MaxValue, null, null, false, socket.NetworkNamespace, null, socket.CgroupPath, container);
            RecordWhat what = new(
                sample.ProtocolNumber, sample.SocketType, sample.AddressFamily, socket.Address, null, false, RecordOrigin.Snapshot,
                (byte)(socket.Options ?? BindOptions.None), socket.IPv6Only == true, sample.InterfaceIndex, socket.InterfaceName);
            int processId = socket.ProcessId ?? 0;
            Begin(begin, Seen, socket.Port, who, what, processId, processId, socket.Inode);
        }

        if (released is { } time && _open.Remove(socket.Inode, out Holding holding))
        {
            EndAt(holding, time);
        }
    }

    private void Begin(long time, long? earliest, int port, in RecordWho who, in RecordWhat what, int processId, int threadId, long inode)
    {
        long id = rows.AddBind(time, earliest, port, who, what, processId, threadId, inode);
        _open[inode] = new(id, id, (ushort)port);
    }

    /// <summary>It was held until then, which was seen.</summary>
    private void EndAt(in Holding holding, long time) => rows.End(holding.Id, Math.Max(time, holding.Seen) - holding.Id, 0);

    private void End(in Holding holding, long gone) => rows.End(holding.Id, holding.Seen - holding.Id, Math.Max(0, gone - holding.Seen));

    /// <param name="Id">Its row, which is when it was bound.</param>
    /// <param name="Seen">When it was seen last.</param>
    private readonly record struct Holding(long Id, long Seen, ushort Port);
}

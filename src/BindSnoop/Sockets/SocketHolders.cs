namespace BindSnoop.Sockets;

/// <summary>The records of descriptors, by socket.</summary>
internal sealed class SocketHolders : IDisposable
{
    private readonly Dictionary<(ulong Socket, ulong Inode), int> _firsts = [];
    private readonly HashSet<ulong> _addresses = [];
    private int[] _next = [];

    public SocketRecords Records { get; } = new();

    public IEnumerable<int> Sockets => _firsts.Values;

    /// <summary>Once all records are there.</summary>
    public void Join()
    {
        _next = new int[Records.Count];
        _firsts.EnsureCapacity(Records.Count);
        _addresses.EnsureCapacity(Records.Count);

        // From the last to the first, so that each chain is in order.
        for (int place = Records.Count - 1; place >= 0; place--)
        {
            // An address alone may be that of a socket closed meanwhile, and of one made after it.
            (ulong, ulong) key = (Records[place].Socket, Records[place].Inode);
            _next[place] = _firsts.TryGetValue(key, out int next) ? next : -1;
            _firsts[key] = place;
            _addresses.Add(Records[place].Socket);
        }
    }

    public void Dispose() => Records.Dispose();

    public bool Has(ulong socket) => _addresses.Contains(socket);

    public int? Find(ulong socket, ulong inode, ushort protocol) =>
        _firsts.TryGetValue((socket, inode), out int first) ? first
        // A subflow may have an inode of its own.
        : protocol == Names.Protocols.Mptcp && _firsts.Keys.FirstOrDefault(k => k.Socket == socket) is { Inode: not 0 } key ? _firsts[key]
        : null;

    /// <summary>The places of a socket's descriptors: each once, those of the process that has run longest first.</summary>
    public List<int> Of(int first)
    {
        List<int> places = [];
        for (int place = first; place >= 0; place = _next[place])
        {
            places.Add(place);
        }

        if (places.Count > 1)
        {
            places.Sort(Compare);

            // Threads with file tables of their own are walked one by one, and may have the same.
            int kept = 1;
            for (int i = 1; i < places.Count; i++)
            {
                if (Compare(places[i], places[kept - 1]) != 0)
                {
                    places[kept++] = places[i];
                }
            }

            places.RemoveRange(kept, places.Count - kept);
        }

        return places;
    }

    private int Compare(int a, int b)
    {
        int order = Records[a].ProcessStart.CompareTo(Records[b].ProcessStart);
        order = order != 0 ? order : Records[a].ProcessId.CompareTo(Records[b].ProcessId);
        return order != 0 ? order : Records[a].Descriptor.CompareTo(Records[b].Descriptor);
    }
}

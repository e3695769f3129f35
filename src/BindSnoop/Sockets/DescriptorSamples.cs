namespace BindSnoop.Sockets;

/// <summary>The samples of descriptors, by socket.</summary>
internal sealed class DescriptorSamples : IDisposable
{
    private readonly Dictionary<(ulong Socket, ulong Inode), int> _firsts = [];
    private readonly HashSet<ulong> _addresses = [];
    private int[] _next = [];

    public SocketSamples Samples { get; } = new();

    public IEnumerable<int> Sockets => _firsts.Values;

    /// <summary>Once all samples are there.</summary>
    public void Join()
    {
        _next = new int[Samples.Count];
        _firsts.EnsureCapacity(Samples.Count);
        _addresses.EnsureCapacity(Samples.Count);

        // From the last to the first, so that each chain is in order.
        for (int place = Samples.Count - 1; place >= 0; place--)
        {
            // An address alone may be that of a socket closed meanwhile, and of one made after it.
            (ulong, ulong) key = (Samples[place].Socket, Samples[place].Inode);
            _next[place] = _firsts.TryGetValue(key, out int next) ? next : -1;
            _firsts[key] = place;
            _addresses.Add(Samples[place].Socket);
        }
    }

    public void Dispose() => Samples.Dispose();

    public bool Has(ulong socket) => _addresses.Contains(socket);

    public int? Find(ulong socket, ulong inode, ushort protocol) =>
        _firsts.TryGetValue((socket, inode), out int first) ? first
        // A subflow may have an inode of its own.
        : protocol == Names.Protocols.Mptcp && _firsts.Keys.FirstOrDefault(k => k.Socket == socket) is { Inode: not 0 } key ? _firsts[key]
        : null;

    /// <summary>Whether a socket has no other descriptor.</summary>
    public bool IsOnly(int first) => _next[first] < 0;

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
        int order = Samples[a].ProcessStart.CompareTo(Samples[b].ProcessStart);
        order = order != 0 ? order : Samples[a].ProcessId.CompareTo(Samples[b].ProcessId);
        return order != 0 ? order : Samples[a].Descriptor.CompareTo(Samples[b].Descriptor);
    }
}

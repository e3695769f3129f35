using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Loading;

/// <summary>
/// What the BPF programs are to know of <see cref="TraceOptions"/>: constants, and sizes and keys of maps. All values
/// are read, and all cgroups and pinned maps opened, before anything is loaded.
/// </summary>
internal sealed class TraceConfiguration : IDisposable
{
    // Each takes 16 bytes of the buffer, which is a power of two and at least a page.
    private const int CgroupsAtATime = 4096;

    private readonly TraceFilter _filter;
    private readonly Dictionary<string, int> _sizes = [];
    private readonly Dictionary<string, List<byte[]>> _keys = [];
    private readonly Dictionary<string, FileDescriptor> _pinned = [];
    private TraceConfig _constants;

    private TraceConfiguration(TraceFilter filter, bool count)
    {
        _filter = filter;
        try
        {
            _constants = ConstantsOf(filter, count);
            SetKeys("process_id_filter", filter.ProcessId.Select(BitConverter.GetBytes));
            SetKeys("uid_filter", filter.Uid.Select(BitConverter.GetBytes));
            SetKeys("gid_filter", filter.Gid.Select(BitConverter.GetBytes));
            SetKeys("network_namespace_filter", filter.NetworkNamespace.Select(BitConverter.GetBytes));
            SetKeys("comm_filter", filter.Comm.Select(c => Padded(ThreadName.Parse(c))));
            SetKeys("address_filter", filter.Address.Select(KeyOf));
            SetKeys("remote_address_filter", filter.RemoteAddress.Select(KeyOf));
            Cgroups = new CgroupFilter(filter.Cgroup);
            OpenPinned("cgroup_map", filter.CgroupMap, sizeof(ulong));
            OpenPinned("mount_namespace_map", filter.MountNamespaceMap, sizeof(uint));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether failed calls are requested.</summary>
    public bool IncludeError => _filter.IncludeError;

    /// <summary>The cgroups that are requested.</summary>
    public CgroupFilter Cgroups { get; }

    /// <summary>Whether the address that was requested has a say in what is reported of a success.</summary>
    public bool RequestMatters => _constants.Count == 0 || _filter.Port.Count > 0 || _filter.Address.Count > 0 || _filter.RequestedOnly;

    /// <summary>How many entries the tracer's memory is to have, if it has one.</summary>
    public int BoundCapacity { get; private init; } = 1;

    /// <summary>Whether a protocol of this sort is requested by name or number.</summary>
    public bool NamesAny(Func<ushort, bool> sort) => _filter.Protocol.Any(sort);

    /// <summary>For a trace that sends events.</summary>
    public static TraceConfiguration ForEvents(TraceOptions options)
    {
        TraceConfiguration configuration = new(options.Filter, count: false) { BoundCapacity = options.BoundCapacity };
        configuration._sizes["events"] = options.BufferSize;
        return configuration;
    }

    /// <summary>For a trace that counts in the kernel.</summary>
    public static TraceConfiguration ForCounts(TraceOptions options)
    {
        TraceConfiguration configuration = new(options.Filter, count: true);
        CountBy by = options.CountBy;
        configuration._constants.CountBy = by;
        configuration._sizes["events"] = CountBufferSize(by);
        configuration._sizes[by == CountBy.Anyone ? "counts" : "owned_counts"] = options.CountCapacity;
        if (by.HasFlag(CountBy.Cgroup))
        {
            configuration._sizes["sent_cgroups"] = CgroupsAtATime;
        }

        return configuration;
    }

    /// <summary>Bytes of the buffer of a trace that counts: for its proofs, and for ids of cgroups.</summary>
    public static int CountBufferSize(CountBy by) => by.HasFlag(CountBy.Cgroup) ? 16 * CgroupsAtATime : Environment.SystemPageSize;

    /// <summary>Before loading: constants, sizes, pinned maps.</summary>
    public void Configure(TracerObject target, KernelTypes types, CgroupHooks cgroupHooks)
    {
        TraceConfig constants = _constants;
        constants.CgroupHooks = cgroupHooks;
        constants.FreebindBit = (byte)(types.InetFlag("FREEBIND") ?? 0);
        constants.TransparentBit = (byte)(types.InetFlag("TRANSPARENT") ?? 0);
        constants.BindAddressNoPortBit = (byte)(types.InetFlag("BIND_ADDRESS_NO_PORT") ?? 0);
        MemoryMarshal.Write(target.InitialValue(TraceConfig.Map), in constants);
        SetPorts(target.InitialValue(".rodata.ports"), _filter.Port);
        SetPorts(target.InitialValue(".rodata.remote"), _filter.RemotePort);
        foreach ((string map, int size) in _sizes)
        {
            target.Resize(map, size);
        }

        Cgroups.Configure(target);
        foreach ((string map, FileDescriptor pinned) in _pinned)
        {
            target.Replace(map, pinned);
        }
    }

    /// <summary>After loading, before attaching: the keys.</summary>
    public void Fill(TracerObject target)
    {
        foreach ((string map, List<byte[]> keys) in _keys)
        {
            foreach (byte[] key in keys)
            {
                target.Set(map, key, [1]);
            }
        }

        Cgroups.Fill(target);
    }

    public void Dispose()
    {
        Cgroups?.Dispose();
        foreach (FileDescriptor opened in _pinned.Values)
        {
            opened.Dispose();
        }
    }

    private static TraceConfig ConstantsOf(TraceFilter filter, bool count)
    {
        TraceConfig constants = new()
        {
            Cgroups = (uint)filter.Cgroup.Count,
            ByPort = Flag(filter.Port.Count > 0),
            ByRemotePort = Flag(filter.RemotePort.Count > 0),
            ProcessId = Only(filter.ProcessId),
            Uid = Only(filter.Uid),
            Gid = Only(filter.Gid),
            NetworkNamespace = Only(filter.NetworkNamespace),
            PidNamespace = Namespaces.PidOfProc,
            ByProcessId = AnyOneOrSome(filter.ProcessId),
            ByUid = AnyOneOrSome(filter.Uid),
            ByGid = AnyOneOrSome(filter.Gid),
            ByNetworkNamespace = AnyOneOrSome(filter.NetworkNamespace),
            ByProtocol = Flag(filter.Protocol.Count > 0),
            ByAddress = Flag(filter.Address.Count > 0),
            ByRemoteAddress = Flag(filter.RemoteAddress.Count > 0),
            ByComm = Flag(filter.Comm.Count > 0),
            ByCgroupMap = Flag(filter.CgroupMap is not null),
            ByMountNamespaceMap = Flag(filter.MountNamespaceMap is not null),
            Ipv4 = Flag(filter.AddressFamily.Count == 0 || filter.AddressFamily.Contains(IPFamily.IPv4)),
            Ipv6 = Flag(filter.AddressFamily.Count == 0 || filter.AddressFamily.Contains(IPFamily.IPv6)),
            IncludeError = Flag(filter.IncludeError),
            IncludeWouldBlock = Flag(filter.IncludeWouldBlock),
            Count = Flag(count),
            RequestedOnly = Flag(filter.RequestedOnly),
        };
        foreach (ushort protocol in filter.Protocol)
        {
            if (protocol >= Protocols.Limit)
            {
                throw Protocols.Invalid(protocol.ToString(CultureInfo.InvariantCulture));
            }

            constants.Protocols[protocol / 64] |= 1ul << (protocol % 64);
        }

        return constants;
    }

    private static byte Flag(bool value) => value ? (byte)1 : (byte)0;

    private static uint Only(IReadOnlyList<uint> values) => values.Count == 1 ? values[0] : 0;

    // enum by of bpf/filter.h.
    private static byte AnyOneOrSome(IReadOnlyList<uint> values) => (byte)Math.Min(values.Count, 2);

    private static byte[] Padded(byte[] comm) => [.. comm, .. new byte[ThreadName.Size - comm.Length]];

    private static byte[] KeyOf(AddressPrefix prefix)
    {
        IPFamily family = prefix.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? IPFamily.IPv4 : IPFamily.IPv6;
        return SampleBytes.Of(new AddressKey(prefix.Address, prefix.Length, (ushort)family));
    }

    private static void SetPorts(Span<byte> bitmap, IReadOnlyList<PortRange> ranges)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bitmap);
        foreach (PortRange range in ranges)
        {
            for (int port = range.First; port <= range.Last; port++)
            {
                words[port / 64] |= 1ul << (port % 64);
            }
        }
    }

    private void SetKeys(string map, IEnumerable<byte[]> keys)
    {
        _keys[map] = [.. keys];
        SetSize(map, _keys[map].Count);
    }

    // A map has room for one as it is.
    private void SetSize(string map, int count)
    {
        if (count > 1)
        {
            _sizes[map] = count;
        }
    }

    private void OpenPinned(string map, string? path, uint valueSize)
    {
        if (path is not null)
        {
            _pinned[map] = PinnedMap.Open(path, valueSize);
        }
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Loading;

/// <summary>Puts a <see cref="TraceFilter"/> into the constants and maps that the BPF programs read.</summary>
internal static unsafe class FilterMaps
{
    private const int MaxCgroups = 64;
    private const int CommSize = 16;
    private const int AddressKeySize = 24;
    private const uint FamilyBits = 32;
    private const uint MapTypeHash = 1;

    /// <summary>Before loading: the constants, the sizes of the maps, the pinned maps.</summary>
    public static void Configure(BpfSession session, TraceFilter filter, KernelTypes types, bool count)
    {
        if (filter.Cgroup.Count > MaxCgroups)
        {
            throw new TraceException(
                "TooManyCgroups",
                TraceErrorKind.InvalidArgument,
                $"{filter.Cgroup.Count} cgroups were given; {MaxCgroups} is the most.",
                "Give a common ancestor: a cgroup takes in all below it. Or put the ids into a pinned map.",
                filter.Cgroup.Count);
        }

        TraceConfig config = new()
        {
            Cgroups = (uint)filter.Cgroup.Count,
            ByPort = Flag(filter.Port.Count > 0),
            ByRemotePort = Flag(filter.RemotePort.Count > 0),
            ProcessId = Only(filter.ProcessId),
            Uid = Only(filter.Uid),
            Gid = Only(filter.Gid),
            ByProcessId = AnyOneOrSome(filter.ProcessId),
            ByUid = AnyOneOrSome(filter.Uid),
            ByGid = AnyOneOrSome(filter.Gid),
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
            FreebindBit = (byte)(types.InetFlag("FREEBIND") ?? 0),
            TransparentBit = (byte)(types.InetFlag("TRANSPARENT") ?? 0),
            BindAddressNoPortBit = (byte)(types.InetFlag("BIND_ADDRESS_NO_PORT") ?? 0),
        };
        foreach (ushort protocol in filter.Protocol)
        {
            if (protocol >= Protocols.Limit)
            {
                throw Protocols.Invalid(protocol.ToString(CultureInfo.InvariantCulture));
            }

            config.Protocols[protocol / 64] |= 1ul << (protocol % 64);
        }

        MemoryMarshal.Write(session.InitialValue(".rodata.config"), in config);
        SetPorts(session.InitialValue(".rodata.ports"), filter.Port);
        SetPorts(session.InitialValue(".rodata.remote"), filter.RemotePort);
        Resize(session, "process_id_filter", filter.ProcessId.Count);
        Resize(session, "uid_filter", filter.Uid.Count);
        Resize(session, "gid_filter", filter.Gid.Count);
        Resize(session, "comm_filter", filter.Comm.Count);
        Resize(session, "address_filter", filter.Address.Count);
        Resize(session, "remote_address_filter", filter.RemoteAddress.Count);
        Resize(session, "cgroup_filter", filter.Cgroup.Count);
        UsePinned(session, "cgroup_map", filter.CgroupMap, sizeof(ulong));
        UsePinned(session, "mount_namespace_map", filter.MountNamespaceMap, sizeof(uint));
    }

    /// <summary>After loading, before attaching: the values.</summary>
    public static void Fill(BpfSession session, TraceFilter filter)
    {
        Add(session, "process_id_filter", filter.ProcessId);
        Add(session, "uid_filter", filter.Uid);
        Add(session, "gid_filter", filter.Gid);
        Add(session, "address_filter", filter.Address);
        Add(session, "remote_address_filter", filter.RemoteAddress);
        byte* key = stackalloc byte[CommSize];
        foreach (string comm in filter.Comm)
        {
            new Span<byte>(key, CommSize).Clear();
            ParseComm(comm).CopyTo(new Span<byte>(key, CommSize));
            Add(session, "comm_filter", key);
        }

        for (int i = 0; i < filter.Cgroup.Count; i++)
        {
            using FileDescriptor directory = Cgroups.Open(filter.Cgroup[i]);
            int fd = directory.Value;
            BpfSession.Check(
                "SetFilterFailed", "Setting the cgroup filter failed", LibBpf.bpf_map_update_elem(session.MapFd("cgroup_filter"), &i, &fd, 0));
        }
    }

    /// <summary>Reads the name of a thread as events show it.</summary>
    public static byte[] ParseComm(string comm)
    {
        byte[] bytes = DisplayText.Unescape(comm);
        return bytes.Length is > 0 and < CommSize && !bytes.Contains((byte)0)
            ? bytes
            : throw new TraceException(
                "InvalidComm",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(comm)}' cannot be the name of a thread.",
                $"Give 1 to {CommSize - 1} bytes: the kernel cuts longer names, so 'a-very-long-program' is 'a-very-long-pro'.",
                comm);
    }

    private static byte Flag(bool value) => value ? (byte)1 : (byte)0;

    private static uint Only(IReadOnlyList<uint> values) => values.Count == 1 ? values[0] : 0;

    // enum by of bpf/filter.h.
    private static byte AnyOneOrSome(IReadOnlyList<uint> values) => (byte)Math.Min(values.Count, 2);

    private static void Resize(BpfSession session, string map, int count)
    {
        if (count > 1)
        {
            session.Resize(map, count);
        }
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

    private static void Add(BpfSession session, string map, IReadOnlyList<uint> values)
    {
        foreach (uint value in values)
        {
            uint key = value;
            Add(session, map, (byte*)&key);
        }
    }

    private static void Add(BpfSession session, string map, IReadOnlyList<AddressPrefix> prefixes)
    {
        byte* key = stackalloc byte[AddressKeySize];
        foreach (AddressPrefix prefix in prefixes)
        {
            // struct address_key of bpf/filter.h.
            new Span<byte>(key, AddressKeySize).Clear();
            byte[] address = prefix.Address.GetAddressBytes();
            *(uint*)key = FamilyBits + (uint)prefix.Length;
            *(uint*)(key + 4) = (uint)(address.Length == 4 ? IPFamily.IPv4 : IPFamily.IPv6);
            address.CopyTo(new Span<byte>(key + 8, 16));
            Add(session, map, key);
        }
    }

    private static void Add(BpfSession session, string map, byte* key)
    {
        byte set = 1;
        BpfSession.Check("SetFilterFailed", $"Filling {map} failed", LibBpf.bpf_map_update_elem(session.MapFd(map), key, &set, 0));
    }

    private static void UsePinned(BpfSession session, string map, string? path, uint valueSize)
    {
        if (path is null)
        {
            return;
        }

        const string Remedy = "Give the path of a pinned BPF hash map, such as /sys/fs/bpf/mymap; 'bpftool map create' makes one.";
        string? resolved = TrustedPath.Resolve(path, out int errno);
        using FileDescriptor pinned = new(resolved is null ? -1 : LibBpf.bpf_obj_get(resolved));
        if (resolved is null || pinned.IsInvalid)
        {
            throw TraceException.FromErrno(
                "PinnedMapNotFound",
                $"Opening the pinned map '{DisplayText.Escape(path)}' failed",
                resolved is null ? errno : Marshal.GetLastPInvokeError(),
                Remedy,
                path);
        }

        if (TrustedPath.OthersWhoMayChange(resolved) is { } others)
        {
            // Whoever can change the map decides what is seen. That it is looked at once it is open is soon enough: if
            // nobody can change the way there now, nobody could before.
            throw new TraceException(
                "PinnedMapNotTrusted",
                TraceErrorKind.PermissionDenied,
                $"The pinned map '{DisplayText.Escape(path)}' could be changed by others: {others}.",
                "Pin it where only root can write, such as in /sys/fs/bpf, and leave it to root with mode 600.",
                path);
        }

        // struct bpf_map_info (linux/bpf.h): type, id, key size, value size.
        const int Size = 88;
        uint* info = stackalloc uint[Size / sizeof(uint)];
        uint length = Size;
        int result = LibBpf.bpf_obj_get_info_by_fd(pinned.Value, info, ref length);
        if (result < 0 || info[0] != MapTypeHash || info[2] != sizeof(ulong) || info[3] != valueSize)
        {
            throw new TraceException(
                "PinnedMapMismatch",
                TraceErrorKind.InvalidArgument,
                result < 0
                    ? $"'{DisplayText.Escape(path)}' is not a BPF map."
                    : $"The pinned map '{DisplayText.Escape(path)}' has type {info[0]}, keys of {info[2]} bytes and values of {info[3]}; " +
                      $"it should be a hash (type {MapTypeHash}) with keys of {sizeof(ulong)} and values of {valueSize}.",
                Remedy,
                path);
        }

        BpfSession.Check("PinnedMapMismatch", "Using the pinned map failed", LibBpf.bpf_map__reuse_fd(session.Map(map), pinned.Value));
    }
}

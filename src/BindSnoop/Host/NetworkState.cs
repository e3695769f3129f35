using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>An IPv6 address of an interface, as /proc/net/if_inet6 shows it.</summary>
internal readonly record struct InterfaceAddress(AddressValue Address, uint InterfaceIndex, string InterfaceName, bool IsScoped, bool IsUsable);

/// <summary>A user namespace that owns a network namespace, or is an ancestor of that.</summary>
internal readonly record struct OwnerNamespace(uint Inode, uint OwnerUid);

/// <summary>What a network namespace has apart from its sockets that decides whether an address and port can be bound.</summary>
internal sealed class NetworkState
{
    // ioctl_ns(2).
    private const uint NsGetUserNamespace = 0xb701;
    private const uint NsGetParent = 0xb702;
    private const uint NsGetOwnerUid = 0xb704;

    // include/uapi/linux/if_addr.h, and the scopes of include/net/ipv6.h: link-local, and loopback.
    private const int FlagOptimistic = 0x04;
    private const int FlagTentative = 0x40;
    private const int ScopeMask = 0x30;

    private readonly List<AddressPrefix> _local = [];
    private readonly List<InterfaceAddress> _addresses = [];
    private readonly List<PortRange> _reserved = [];

    private NetworkState()
    {
    }

    /// <summary>net.ipv4.ip_unprivileged_port_start: ports from here on take no capability.</summary>
    public int UnprivilegedStart { get; private init; }

    /// <summary>net.ipv4.ip_local_port_range: what the kernel chooses from.</summary>
    public PortRange LocalPorts { get; private init; }

    /// <summary>net.ipv4.ip_autobind_reuse.</summary>
    public bool AutobindReuses { get; private init; }

    /// <summary>net.ipv4.ip_nonlocal_bind.</summary>
    public bool BindsNonlocal4 { get; private init; }

    /// <summary>net.ipv6.ip_nonlocal_bind.</summary>
    public bool BindsNonlocal6 { get; private init; }

    /// <summary>The user namespace that owns this network namespace, then its ancestors as far as they can be seen.</summary>
    public IReadOnlyList<OwnerNamespace> Owners { get; private init; } = [];

    /// <summary>Null if the namespace cannot be found or entered.</summary>
    public static NetworkState? Read(uint networkNamespace)
    {
        if (networkNamespace == NetworkNamespaces.Own)
        {
            using FileDescriptor own = Libc.open("/proc/self/ns/net", Libc.O_RDONLY | Libc.O_CLOEXEC);
            return ReadHere(own);
        }

        return NetworkNamespaces.Paths().TryGetValue(networkNamespace, out string? path) ? ReadAt(networkNamespace, path) : null;
    }

    /// <summary>The same, of a namespace whose path is known.</summary>
    public static NetworkState? ReadAt(uint networkNamespace, string path)
    {
        NetworkState? state = null;
        NetworkNamespaces.TryEnter(networkNamespace, path, file => state = ReadHere(file));
        return state;
    }

    /// <summary>Whether the kernel's choice of ports leaves this one out (ip_local_reserved_ports).</summary>
    public bool IsReserved(int port) => _reserved.Any(r => r.Contains(port));

    /// <summary>Whether an IPv4 address is local, or a broadcast address of a network that is.</summary>
    public bool HasIPv4(AddressValue address) => _local.Any(p => p.Contains(address));

    /// <summary>Where an IPv6 address is configured: several interfaces may have the same link-local one.</summary>
    public IEnumerable<InterfaceAddress> FindIPv6(AddressValue address) => _addresses.Where(a => a.Address == address);

    private static NetworkState ReadHere(FileDescriptor file)
    {
        NetworkState state = new()
        {
            UnprivilegedStart = Number("ipv4/ip_unprivileged_port_start") ?? 1024,
            LocalPorts = ParseRange(Setting("ipv4/ip_local_port_range").Replace('\t', '-')) ?? new PortRange(32768, 60999),
            AutobindReuses = Number("ipv4/ip_autobind_reuse") is > 0,
            BindsNonlocal4 = Number("ipv4/ip_nonlocal_bind") is > 0,
            BindsNonlocal6 = Number("ipv6/ip_nonlocal_bind") is > 0,
            Owners = ReadOwners(file),
        };
        state._reserved.AddRange(Setting("ipv4/ip_local_reserved_ports").Split(',').Select(ParseRange).OfType<PortRange>());
        state.ReadIPv4(SystemFile.ReadText("/proc/thread-self/net/fib_trie"));
        state.ReadIPv6(SystemFile.ReadText("/proc/thread-self/net/if_inet6"));
        return state;
    }

    // /proc/sys/net has the settings of the thread that reads.
    private static string Setting(string name) => SystemFile.ReadText($"/proc/sys/net/{name}").Trim();

    private static int? Number(string name) =>
        int.TryParse(Setting(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static PortRange? ParseRange(string text)
    {
        try
        {
            return PortRange.Parse(text);
        }
        catch (TraceException)
        {
            return null;
        }
    }

    /// <summary>
    /// An address line "|-- 127.0.0.0" has a line for each prefix below it, "/8 host LOCAL". Tables other than the
    /// two that every namespace has are of policy routing, and of VRFs.
    /// </summary>
    private void ReadIPv4(string trie)
    {
        bool counts = false;
        string address = "";
        foreach (string line in trie.Split('\n'))
        {
            string text = line.Trim();
            if (line.Length > 0 && line[0] != ' ')
            {
                counts = text is "Main:" or "Local:";
            }
            else if (text.StartsWith("|-- ", StringComparison.Ordinal))
            {
                address = text[4..];
            }
            else if (counts && text.StartsWith('/') && (text.EndsWith(" LOCAL", StringComparison.Ordinal) || text.EndsWith(" BROADCAST", StringComparison.Ordinal)))
            {
                AddressPrefix prefix = AddressPrefix.Parse(address + text[..text.IndexOf(' ', StringComparison.Ordinal)]);
                if (!_local.Contains(prefix))
                {
                    _local.Add(prefix);
                }
            }
        }
    }

    /// <summary>Address, interface index, prefix length, scope and flags in hexadecimal, and the interface's name.</summary>
    private void ReadIPv6(string table)
    {
        foreach (string line in table.Split('\n'))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [{ Length: 32 } address, var index, _, var scope, var flags, var name])
            {
                continue;
            }

            int bits = int.Parse(flags, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            _addresses.Add(new InterfaceAddress(
                new AddressValue(AddressFamily.InterNetworkV6, UInt128.Parse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture)),
                uint.Parse(index, NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                DisplayText.Escape(name),
                (int.Parse(scope, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & ScopeMask) != 0,
                (bits & FlagTentative) == 0 || (bits & FlagOptimistic) != 0));
        }
    }

    private static unsafe List<OwnerNamespace> ReadOwners(FileDescriptor networkNamespace)
    {
        List<OwnerNamespace> owners = [];
        FileDescriptor? current = networkNamespace.IsInvalid ? null : Next(networkNamespace, NsGetUserNamespace);
        while (current is not null)
        {
            using FileDescriptor owner = current;
            uint uid = uint.MaxValue;
            _ = Libc.ioctl(owner, NsGetOwnerUid, (nint)(&uid));
            owners.Add(new OwnerNamespace((uint)Libc.InodeOf(owner), uid));
            current = Next(owner, NsGetParent);
        }

        return owners;
    }

    private static FileDescriptor? Next(FileDescriptor file, uint request) =>
        Libc.ioctl(file, request, 0) is var descriptor and >= 0 ? new FileDescriptor(descriptor) : null;
}

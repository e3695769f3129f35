using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Sockets;

/// <summary>A socket as the kernel describes it to anybody who asks.</summary>
internal readonly record struct SockDiagSocket(SocketSample Sample, SocketFacts Known);

/// <summary>
/// Asks for the sockets of the calling thread's network namespace: by netlink (sock_diag(7)), or where that is refused or
/// the kernel lacks the module for a protocol by the file of /proc/net, which says less. Takes no privileges.
/// </summary>
internal static unsafe class SockDiag
{
    private const int AF_NETLINK = 16;
    private const int NETLINK_SOCK_DIAG = 4;
    private const int SOCK_DIAG_BY_FAMILY = 20;
    private const int NLM_F_REQUEST_DUMP = 0x301;
    private const int NLMSG_ERROR = 2;
    private const int NLMSG_DONE = 3;
    private const int HeaderSize = 16;
    private const int AttributeHeaderSize = 4;

    // struct inet_diag_req_v2 and struct inet_diag_msg of linux/inet_diag.h.
    private const int RequestSize = 56;
    private const int MessageSize = 72;

    private const ushort ReqProtocol = 3;
    private const ushort AttributeProtocol = 10;
    private const ushort AttributeIpv6Only = 11;
    private const ushort AttributeCgroupId = 21;

    // What netlink calls a TCP socket that is bound and no more, since 6.8 (91051f003948, "tcp: Dump bound-only sockets in inet_diag.").
    private const byte BoundInactive = 13;

    private const ushort Tcp = 6;
    private const ushort Sctp = 132;
    private const ushort Raw = 255;

    private static readonly (ushort Protocol, int Type, string File4, string File6)[] s_kinds =
    [
        (Tcp, Libc.SOCK_STREAM, "tcp", "tcp6"),
        (17, Libc.SOCK_DGRAM, "udp", "udp6"),
        (Protocols.Mptcp, Libc.SOCK_STREAM, "", ""),
        (Sctp, Libc.SOCK_STREAM, "", ""),
        (136, Libc.SOCK_DGRAM, "udplite", "udplite6"),
        (Raw, Libc.SOCK_RAW, "raw", "raw6"),

        // Ping sockets have no module for it.
        (1, Libc.SOCK_DGRAM, "icmp", ""),
        (58, Libc.SOCK_DGRAM, "", "icmp6"),
    ];

    /// <summary>Adds the sockets of this thread's network namespace.</summary>
    /// <param name="unseen">Takes up what netlink does not show.</param>
    public static void Read(uint networkNamespace, List<SockDiagSocket> sockets, ICollection<string> unseen)
    {
        using FileDescriptor netlink = Libc.socket(AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        foreach ((ushort protocol, int type, string file4, string file6) in s_kinds)
        {
            foreach ((int family, string file) in new[] { (Libc.AF_INET, file4), (Libc.AF_INET6, file6) })
            {
                bool isPing = protocol is 1 or 58;
                int before = sockets.Count;
                if (!isPing && !netlink.IsInvalid && Dump(netlink, family, protocol, type, networkNamespace, sockets))
                {
                    continue;
                }

                // What a list had delivered before it broke off is in the file, too.
                sockets.RemoveRange(before, sockets.Count - before);
                if (file.Length > 0)
                {
                    ReadFile($"/proc/thread-self/net/{file}", family, protocol, type, networkNamespace, sockets);
                }

                if (WithoutNetlink(protocol) is { } sentence && !unseen.Contains(sentence))
                {
                    unseen.Add(sentence);
                }
            }
        }
    }

    /// <summary>What cannot be seen of a protocol that netlink does not list; null if nothing, or if the kernel has no such sockets.</summary>
    private static string? WithoutNetlink(ushort protocol) => protocol switch
    {
        Tcp => "Netlink does not list TCP sockets here (the kernel's module is tcp_diag): those that are bound but do not listen are missing, and interfaces and backlog limits are unknown.",
        17 => "Netlink does not list UDP sockets here (the kernel's module is udp_diag): the interfaces that they are bound to are unknown.",
        Protocols.Mptcp when KernelHas("MPTCP") => "Netlink does not list MPTCP sockets here (the kernel's module is mptcp_diag): they are shown as TCP.",
        Sctp when KernelHas("SCTP") => "Netlink does not list SCTP sockets here (the kernel's module is sctp_diag): they are missing.",
        _ => null,
    };

    private static bool KernelHas(string protocol) =>
        SystemFile.ReadText("/proc/thread-self/net/protocols").Split('\n').Any(line => line.StartsWith($"{protocol} ", StringComparison.Ordinal));

    /// <summary>False if the kernel cannot list this protocol.</summary>
    private static bool Dump(FileDescriptor netlink, int family, ushort protocol, int type, uint networkNamespace, List<SockDiagSocket> sockets)
    {
        Span<byte> request = stackalloc byte[HeaderSize + RequestSize + 8];
        request.Clear();
        bool isLong = protocol > byte.MaxValue;
        int length = HeaderSize + RequestSize + (isLong ? 8 : 0);
        MemoryMarshal.Write(request, length);
        MemoryMarshal.Write(request[4..], (ushort)SOCK_DIAG_BY_FAMILY);
        MemoryMarshal.Write(request[6..], (ushort)NLM_F_REQUEST_DUMP);
        request[HeaderSize] = (byte)family;
        request[HeaderSize + 1] = (byte)(isLong ? Raw : protocol);
        MemoryMarshal.Write(request[(HeaderSize + 4)..], uint.MaxValue);
        if (isLong)
        {
            Span<byte> attribute = request[(HeaderSize + RequestSize)..];
            MemoryMarshal.Write(attribute, (ushort)8);
            MemoryMarshal.Write(attribute[2..], ReqProtocol);
            MemoryMarshal.Write(attribute[4..], (uint)protocol);
        }

        fixed (byte* pointer = request)
        {
            if (Libc.write(netlink, pointer, (nuint)length) != length)
            {
                return false;
            }
        }

        byte[] buffer = new byte[1 << 16];
        fixed (byte* pointer = buffer)
        {
            while (true)
            {
                nint size = Libc.read(netlink, pointer, (nuint)buffer.Length);
                if (size < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR)
                {
                    continue;
                }

                if (size <= 0)
                {
                    return false;
                }

                ReadOnlySpan<byte> messages = buffer.AsSpan(0, (int)size);
                while (messages.Length >= HeaderSize)
                {
                    int messageLength = MemoryMarshal.Read<int>(messages);
                    if (messageLength < HeaderSize || messageLength > messages.Length)
                    {
                        return false;
                    }

                    ReadOnlySpan<byte> body = messages[HeaderSize..messageLength];
                    switch (MemoryMarshal.Read<ushort>(messages[4..]))
                    {
                        // An error may come in either: the kernel ends a dump that it cannot make.
                        case NLMSG_DONE:
                            return body.Length < sizeof(int) || MemoryMarshal.Read<int>(body) >= 0;
                        case NLMSG_ERROR:
                            return body.Length >= sizeof(int) && MemoryMarshal.Read<int>(body) == 0;
                        case SOCK_DIAG_BY_FAMILY when body.Length >= MessageSize:
                            sockets.Add(Parse(body, protocol, type, networkNamespace));
                            break;
                    }

                    messages = messages[Math.Min(messages.Length, (messageLength + 3) & ~3)..];
                }
            }
        }
    }

    private static SockDiagSocket Parse(ReadOnlySpan<byte> message, ushort protocol, int type, uint networkNamespace)
    {
        TcpStates state = message[1] == BoundInactive ? TcpStates.Close : (TcpStates)message[1];
        SocketSample sample = new()
        {
            AddressFamily = message[0],
            State = state == TcpStates.NewSynReceived ? TcpStates.SynReceived : state,
            Port = BinaryPrimitives.ReadUInt16BigEndian(message[4..]),
            RemotePort = BinaryPrimitives.ReadUInt16BigEndian(message[6..]),
            InterfaceIndex = MemoryMarshal.Read<uint>(message[40..]),
            Uid = MemoryMarshal.Read<uint>(message[64..]),
            Inode = MemoryMarshal.Read<uint>(message[68..]),
            NetworkNamespace = networkNamespace,
            ProtocolNumber = protocol,
            SocketType = (ushort)type,
        };
        int size = sample.AddressFamily == (int)IPFamily.IPv4 ? 4 : 16;
        message.Slice(8, size).CopyTo(sample.Address);
        message.Slice(24, size).CopyTo(sample.RemoteAddress);
        if (sample.State == TcpStates.Listen)
        {
            sample.Backlog = MemoryMarshal.Read<uint>(message[56..]);
            sample.BacklogLimit = MemoryMarshal.Read<uint>(message[60..]);
        }

        SocketFacts known = SocketFacts.Interface | SocketFacts.BacklogLimit | KnownUid(sample);
        ReadOnlySpan<byte> attributes = message[MessageSize..];
        while (attributes.Length > AttributeHeaderSize)
        {
            int length = MemoryMarshal.Read<ushort>(attributes);
            if (length <= AttributeHeaderSize || length > attributes.Length)
            {
                break;
            }

            switch (MemoryMarshal.Read<ushort>(attributes[2..]))
            {
                case AttributeIpv6Only:
                    sample.Ipv6Only = attributes[AttributeHeaderSize];
                    known |= SocketFacts.Ipv6Only;
                    break;
                case AttributeCgroupId:
                    sample.SocketCgroupId = MemoryMarshal.Read<ulong>(attributes[AttributeHeaderSize..]);
                    break;
                case AttributeProtocol when protocol == Raw:
                    sample.ProtocolNumber = attributes[AttributeHeaderSize];
                    break;
            }

            attributes = attributes[Math.Min(attributes.Length, (length + 3) & ~3)..];
        }

        if (sample.AddressFamily == (int)IPFamily.IPv4)
        {
            known |= SocketFacts.Ipv6Only;
        }

        if (protocol == Raw)
        {
            sample.Port = 0;
        }

        return new SockDiagSocket(sample, known);
    }

    /// <summary>What is left of a closed connection has no user.</summary>
    private static SocketFacts KnownUid(in SocketSample sample) => sample.Inode != 0 ? SocketFacts.Uid : SocketFacts.None;

    /// <summary>
    /// proc_net(5): "sl local:port remote:port state sending:receiving … uid timeout inode", addresses in words of the
    /// machine's order. Of a socket that listens, "receiving" is how many connections wait.
    /// </summary>
    private static void ReadFile(string path, int family, ushort protocol, int type, uint networkNamespace, List<SockDiagSocket> sockets)
    {
        foreach (string line in SystemFile.ReadText(path).Split('\n').Skip(1))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 10)
            {
                continue;
            }

            SocketSample sample = new()
            {
                AddressFamily = (ushort)family,
                ProtocolNumber = protocol,
                SocketType = (ushort)type,
                NetworkNamespace = networkNamespace,
                State = (TcpStates)byte.Parse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                Uid = uint.Parse(fields[7], CultureInfo.InvariantCulture),
                Inode = ulong.Parse(fields[9], CultureInfo.InvariantCulture),
                Port = ParseEnd(fields[1], out byte[] address),
                RemotePort = ParseEnd(fields[2], out byte[] remote),
            };
            address.CopyTo(sample.Address);
            remote.CopyTo(sample.RemoteAddress);
            if (sample.State == TcpStates.Listen)
            {
                sample.Backlog = uint.Parse(fields[4].AsSpan(fields[4].IndexOf(':') + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }

            if (protocol == Raw)
            {
                // There the port is the protocol's number.
                sample.ProtocolNumber = sample.Port;
                sample.Port = 0;
            }

            sockets.Add(new SockDiagSocket(sample, KnownUid(sample) | (family == Libc.AF_INET ? SocketFacts.Ipv6Only : SocketFacts.None)));
        }
    }

    private static ushort ParseEnd(string text, out byte[] address)
    {
        string[] parts = text.Split(':');
        address = Convert.FromHexString(parts[0]);
        for (int word = 0; word < address.Length; word += 4)
        {
            address.AsSpan(word, 4).Reverse();
        }

        return ushort.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}

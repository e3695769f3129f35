using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Proving;

/// <summary>A socket of which everything is known that a sample has. What fails says so by <see cref="Error"/>.</summary>
internal sealed unsafe class KnownSocket : IDisposable
{
    public const int Tcp = 6;
    public const int Udp = 17;

    /// <summary>Addresses of the loopback interface that hardly anybody uses, no byte of them like another.</summary>
    public static readonly IPAddress First = new([127, 84, 162, 9]);

    /// <summary>Another one.</summary>
    public static readonly IPAddress Second = new([127, 91, 46, 203]);

    private const int IPLevel = 0;
    private const int SocketLevel = 1;
    private const int IPv6Level = 41;
    private const int ReuseAddressOption = 2;
    private const int LingerOption = 13;
    private const int ProtocolOption = 38;
    private const int InterfaceOption = 62;
    private const int ReusePortOption = 15;
    private const int FreeBindOption = 15;
    private const int TransparentOption = 19;
    private const int NoPortOption = 24;
    private const int IPv6OnlyOption = 26;
    private const int IPv6TransparentOption = 75;
    private const int IPv6FreeBindOption = 78;
    private const int TcpInfo = 11;
    private const int AddressSize = 28;

    private readonly FileDescriptor _socket;

    /// <param name="options">Those to set; <see cref="Options"/> says which of them could be set.</param>
    public KnownSocket(IPFamily family, int protocol, BindOptions options, bool ipv6Only = false)
        : this(family, protocol, Libc.socket((int)family, (protocol == Udp ? Libc.SOCK_DGRAM : Libc.SOCK_STREAM) | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, protocol))
    {
        if (_socket.IsInvalid)
        {
            Error = Marshal.GetLastPInvokeError();
            return;
        }

        Set(options);
        IPv6Only = ipv6Only && Set(IPv6Level, IPv6OnlyOption, 1);
    }

    private KnownSocket(IPFamily family, int protocol, FileDescriptor socket)
    {
        _socket = socket;
        Family = family;
        // A program of the kernel's may have made another socket of it, or bound it to an interface.
        Protocol = socket.IsInvalid ? protocol : Get(ProtocolOption, protocol);
        InterfaceIndex = socket.IsInvalid ? 0 : Get(InterfaceOption, 0);
        Inode = socket.IsInvalid ? 0 : (long)Libc.InodeOf(socket);
        Local = new IPEndPoint(family == IPFamily.IPv4 ? IPAddress.Any : IPAddress.IPv6Any, 0);
    }

    public IPFamily Family { get; }

    public int Protocol { get; }

    public int Type => Protocol == Udp ? Libc.SOCK_DGRAM : Libc.SOCK_STREAM;

    /// <summary>The interface that it is bound to, or 0.</summary>
    public int InterfaceIndex { get; }

    public long Inode { get; }

    /// <summary>Those that are set.</summary>
    public BindOptions Options { get; private set; }

    public bool IPv6Only { get; }

    /// <summary>What the kernel says that it is bound to.</summary>
    public IPEndPoint Local { get; private set; }

    /// <summary>What the last call failed with; 0 if it did not.</summary>
    public int Error { get; private set; }

    /// <summary>Sets options; <see cref="Options"/> says which of them could be set.</summary>
    public void Set(BindOptions options)
    {
        bool is6 = Family == IPFamily.IPv6;
        Set(options, BindOptions.FreeBind, is6 ? IPv6Level : IPLevel, is6 ? IPv6FreeBindOption : FreeBindOption);
        Set(options, BindOptions.Transparent, is6 ? IPv6Level : IPLevel, is6 ? IPv6TransparentOption : TransparentOption);
        Set(options, BindOptions.BindAddressNoPort, IPLevel, NoPortOption);
        Set(options, BindOptions.ReuseAddress, SocketLevel, ReuseAddressOption);
        Set(options, BindOptions.ReusePort, SocketLevel, ReusePortOption);
    }

    public bool Bind(IPEndPoint to)
    {
        byte* address = stackalloc byte[AddressSize];
        Error = ErrorOf(Libc.bind(_socket.Value, address, Write(to, address)));
        Local = Error == 0 ? ReadLocal() : Local;
        return Error == 0;
    }

    /// <summary>The error of a bind() that names no socket.</summary>
    public static int BindNothing(IPEndPoint to)
    {
        byte* address = stackalloc byte[AddressSize];
        return ErrorOf(Libc.bind(-1, address, Write(to, address)));
    }

    public bool Listen(int backlog) => (Error = ErrorOf(Libc.listen(_socket.Value, backlog))) == 0;

    /// <summary>How many connections the kernel queues.</summary>
    public long BacklogLimit()
    {
        // struct tcp_info (linux/tcp.h): of a listening socket tcpi_sacked, at 28, is its sk_max_ack_backlog.
        uint* info = stackalloc uint[8];
        uint size = 8 * sizeof(uint);
        return Libc.getsockopt(_socket.Value, Tcp, TcpInfo, info, &size) == 0 ? info[7] : -1;
    }

    /// <summary>Begins to connect to another one, and ends without leaving a trace of it.</summary>
    public bool Connect(KnownSocket to)
    {
        const int EINPROGRESS = 115;
        byte* address = stackalloc byte[AddressSize];

        // struct linger (socket(7)), on and zero: closed by a reset, no socket stays behind to wait.
        ulong reset = BitConverter.IsLittleEndian ? 1ul : 1ul << 32;
        _ = Libc.setsockopt(_socket.Value, SocketLevel, LingerOption, &reset, sizeof(ulong));
        Error = ErrorOf(Libc.connect(_socket.Value, address, Write(to.Local, address)));
        Error = Error == EINPROGRESS ? 0 : Error;
        Local = Error == 0 ? ReadLocal() : Local;
        return Error == 0;
    }

    /// <summary>Waits until there is a connection to accept; false if there is none within the time.</summary>
    public bool WaitForConnection(int timeoutMilliseconds)
    {
        Libc.PollDescriptor descriptor = new() { Fd = _socket.Value, Events = Libc.POLLIN };
        return Libc.poll(&descriptor, 1, timeoutMilliseconds) == 1;
    }

    /// <summary>Accepts a connection; null if that fails.</summary>
    public KnownSocket? Accept(int flags = Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK)
    {
        int accepted = Libc.accept4(_socket.Value, null, null, flags);
        Error = ErrorOf(accepted);
        if (Error != 0)
        {
            return null;
        }

        KnownSocket connection = new(Family, Protocol, new FileDescriptor(accepted));
        connection.Local = connection.ReadLocal();
        return connection;
    }

    public void Dispose() => _socket.Dispose();

    private static int ErrorOf(int result) => result < 0 ? Marshal.GetLastPInvokeError() : 0;

    /// <summary>As sockaddr_in or sockaddr_in6; how many bytes it has.</summary>
    private static uint Write(IPEndPoint endPoint, byte* address)
    {
        Span<byte> bytes = new(address, AddressSize);
        bytes.Clear();
        bool is6 = endPoint.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        *(ushort*)address = (ushort)(is6 ? IPFamily.IPv6 : IPFamily.IPv4);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        endPoint.Address.TryWriteBytes(bytes[(is6 ? 8 : 4)..], out _);
        return is6 ? AddressSize : 16u;
    }

    private IPEndPoint ReadLocal()
    {
        byte* address = stackalloc byte[AddressSize];
        uint size = AddressSize;
        if (Libc.getsockname(_socket.Value, address, &size) != 0)
        {
            return Local;
        }

        Span<byte> bytes = new(address, AddressSize);
        return new IPEndPoint(
            new IPAddress(Family == IPFamily.IPv6 ? bytes.Slice(8, 16) : bytes.Slice(4, 4)), BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
    }

    private void Set(BindOptions wanted, BindOptions option, int level, int number)
    {
        if (wanted.HasFlag(option) && Set(level, number, 1))
        {
            Options |= option;
        }
    }

    private int Get(int number, int otherwise)
    {
        int value;
        uint size = sizeof(int);
        return Libc.getsockopt(_socket.Value, SocketLevel, number, &value, &size) == 0 ? value : otherwise;
    }

    private bool Set(int level, int number, int value) => Libc.setsockopt(_socket.Value, level, number, &value, sizeof(int)) == 0;
}

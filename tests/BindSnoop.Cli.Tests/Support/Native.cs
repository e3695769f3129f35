using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;

namespace BindSnoop.Cli.Tests;

/// <summary>Binds and signals through the C library itself: .NET's Socket sets options of its own.</summary>
internal static unsafe partial class Native
{
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGKILL = 9;
    public const int SIGTERM = 15;
    public const int SIGCONT = 18;
    public const int SIGSTOP = 19;
    public const int EADDRINUSE = 98;
    public const int EACCES = 13;
    public const int Stream = 1;
    public const int Datagram = 2;

    public static readonly (int Level, int Name) FreeBind = (0, 15);
    public static readonly (int Level, int Name) BindAddressNoPort = (0, 24);
    public static readonly (int Level, int Name) ReuseAddress = (1, 2);
    public static readonly (int Level, int Name) ReusePort = (1, 15);

    private const int PR_SET_NAME = 15;
    private const int CLONE_NEWNET = 0x40000000;
    private const short AF_INET = 2;
    private const short AF_INET6 = 10;

    public static void Kill(int pid, int signal)
    {
        if (kill(pid, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Names the calling thread.</summary>
    public static void SetComm(byte[] name)
    {
        byte* padded = stackalloc byte[16];
        new Span<byte>(padded, 16).Clear();
        name.CopyTo(new Span<byte>(padded, 15));
        _ = prctl(PR_SET_NAME, padded, 0, 0, 0);
    }

    /// <summary>Puts the calling thread into a network of its own, where every port is free.</summary>
    public static void EnterNewNetwork()
    {
        if (unshare(CLONE_NEWNET) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Makes the calling thread another user's. The C library's own function would do so with all threads.</summary>
    public static void BecomeUser(uint uid)
    {
        int number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 147 : 117;
        if (syscall(number, uid, uid, uid) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    /// <summary>setresuid.</summary>
    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, uint real, uint effective, uint saved);

    [LibraryImport("libc")]
    private static partial int prctl(int option, byte* name, nint a, nint b, nint c);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, byte* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int fd, int level, int name, int* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockname(int fd, byte* address, int* length);

    [LibraryImport("libc")]
    private static partial int close(int fd);

    /// <summary>A socket to bind.</summary>
    public sealed class Socket(string address, int type = Stream) : IDisposable
    {
        private readonly IPAddress _address = IPAddress.Parse(address);
        private readonly int _fd = socket(address.Contains(':') ? AF_INET6 : AF_INET, type, 0);

        /// <summary>Switches an option on.</summary>
        public void Set((int Level, int Name) option)
        {
            int on = 1;
            if (setsockopt(_fd, option.Level, option.Name, &on, sizeof(int)) != 0)
            {
                throw new Win32Exception(Marshal.GetLastPInvokeError());
            }
        }

        /// <summary>0 or the errno.</summary>
        public int Bind(int port)
        {
            // struct sockaddr_in6, whose first bytes are those of sockaddr_in up to the address.
            byte* raw = stackalloc byte[28];
            new Span<byte>(raw, 28).Clear();
            byte[] bytes = _address.GetAddressBytes();
            *(short*)raw = bytes.Length == 4 ? AF_INET : AF_INET6;
            *(ushort*)(raw + 2) = (ushort)IPAddress.HostToNetworkOrder((short)port);
            bytes.CopyTo(new Span<byte>(raw + (bytes.Length == 4 ? 4 : 8), 16));
            return bind(_fd, raw, bytes.Length == 4 ? 16 : 28) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }

        public int Port
        {
            get
            {
                byte* raw = stackalloc byte[28];
                int length = 28;
                return getsockname(_fd, raw, &length) == 0 ? (ushort)IPAddress.NetworkToHostOrder(*(short*)(raw + 2)) : -1;
            }
        }

        public void Dispose() => _ = close(_fd);
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Tests;

/// <summary>System calls that the tests make themselves.</summary>
internal static unsafe partial class Sys
{
    public const int NewNamespaceMount = 0x00020000;
    public const int NewNamespaceNetwork = 0x40000000;
    public const int SockStream = 1;
    public const int SockDatagram = 2;
    public const int EAddrInUse = 98;

    private const int SolSocket = 1;
    private const int SoBindToDevice = 25;
    private const int SockCloseOnExec = 0x80000;
    private const uint IoctlSetInterfaceName = 0x8923;
    private const int DetachMount = 2;
    private const int InterfaceNameSize = 16;

    [LibraryImport("libc", EntryPoint = "gettid")]
    public static partial int ThreadId();

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int Limit(int process, int resource, ulong* limit, ulong* old);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nint size, uint* list);

    [LibraryImport("libc", EntryPoint = "setresgid", SetLastError = true)]
    private static partial int SetResGid(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    private static partial int SetResUid(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int fd, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(int fd, int backlog);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSockOpt(int fd, int level, int name, byte* value, uint length);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(int fd, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, nint data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeLinkOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);

    /// <summary>Of a link itself.</summary>
    public static void ChangeLinkOwner(string path, int user) => Check(ChangeLinkOwner(path, (uint)user, uint.MaxValue));

    /// <summary>Swaps what two paths name, at once.</summary>
    public static void Exchange(string one, string other) => Check(Rename(-100, one, -100, other, 2));

    public static void ChangeMode(string path, int mode) => Check(ChangeMode(path, (uint)mode));

    public static void ChangeOwner(string path, int user) => Check(ChangeOwner(path, (uint)user, uint.MaxValue));

    /// <summary>Gives up root, for all threads of this process and for good.</summary>
    /// <summary>Has the kernel refuse this thread, and those that it starts, sockets of netlink, as RestrictAddressFamilies= of systemd does.</summary>
    public static void RefuseNetlink()
    {
        const int SetSeccomp = 22;
        const int Filter = 2;
        const ulong Load = 0x20;
        const ulong JumpIfEqual = 0x15;
        const ulong Return = 0x06;
        const uint Allow = 0x7fff0000;
        const uint AddressFamilyNotSupported = 0x00050000 | 97;
        const uint Netlink = 16;
        uint socket = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 198u : 41u;

        // struct sock_filter of linux/filter.h, on struct seccomp_data of linux/seccomp.h: its number is at 0, the first argument at 16.
        ulong* filter = stackalloc ulong[]
        {
            Instruction(Load, 0, 0),
            Instruction(JumpIfEqual, 3, socket),
            Instruction(Load, 0, 16),
            Instruction(JumpIfEqual, 1, Netlink),
            Instruction(Return, 0, AddressFamilyNotSupported),
            Instruction(Return, 0, Allow),
        };
        SeccompProgram program = new(6, (nint)filter);
        Check(ProcessControl(SetSeccomp, Filter, (nuint)(&program), 0, 0));

        static ulong Instruction(ulong code, ulong otherwise, uint value) => code | (otherwise << 24) | ((ulong)value << 32);
    }

    public static void DropPrivileges(uint user)
    {
        Check(SetGroups(0, null));
        Check(SetResGid(user, user, user));
        Check(SetResUid(user, user, user));
    }

    /// <summary>Binds a new socket and closes it; returns 0 or the error.</summary>
    /// <param name="device">An interface to bind the socket to before.</param>
    public static int BindOnce(string address, ushort port, int type = SockStream, string? device = null)
    {
        byte* raw = stackalloc byte[28];
        uint length = WriteAddress(raw, IPAddress.Parse(address), port);
        int fd = Check(Socket(*(ushort*)raw, type | SockCloseOnExec, 0));
        try
        {
            if (device is not null)
            {
                byte* name = stackalloc byte[InterfaceNameSize];
                WriteName(name, device);
                Check(SetSockOpt(fd, SolSocket, SoBindToDevice, name, InterfaceNameSize));
            }

            return Bind(fd, raw, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        finally
        {
            _ = Close(fd);
        }
    }

    /// <summary>Binds a socket without the option that .NET sets; returns 0 or the error.</summary>
    public static int Bind(Socket socket, IPAddress address, ushort port)
    {
        byte* raw = stackalloc byte[28];
        uint length = WriteAddress(raw, address, port);
        return Bind((int)socket.Handle, raw, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Binds a descriptor that is none; returns the error.</summary>
    public static int BindNothing()
    {
        byte* raw = stackalloc byte[28];
        uint length = WriteAddress(raw, IPAddress.Loopback, 0);
        return Bind(-1, raw, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Calls listen(), whatever .NET knows of the socket; returns 0 or the error.</summary>
    public static int Listen(Socket socket) => Listen((int)socket.Handle, 1) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Renames an interface of the calling thread's network.</summary>
    public static void RenameInterface(string from, string to)
    {
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        WriteName(request, from);
        WriteName(request + InterfaceNameSize, to);
        int fd = Check(Socket((int)AddressFamilyNumber(AddressFamily.InterNetwork), SockDatagram | SockCloseOnExec, 0));
        int result = Ioctl(fd, IoctlSetInterfaceName, request);
        int errno = Marshal.GetLastPInvokeError();
        _ = Close(fd);
        Marshal.SetLastPInvokeError(errno);
        Check(result);
    }

    /// <summary>Does something on a thread of its own in new namespaces, which end with it.</summary>
    public static void InNewNamespace(int flags, Action action) => OnThread(() =>
    {
        Check(Unshare(flags));
        action();
    });

    /// <summary>Sets how many descriptors this process may have, below what it could set it to again.</summary>
    /// <returns>What it was before.</returns>
    public static ulong LimitFiles(ulong most)
    {
        const int LimitOfFiles = 7;
        ulong* limits = stackalloc ulong[2];
        Check(Limit(0, LimitOfFiles, null, limits));
        ulong before = limits[0];
        limits[0] = most;
        Check(Limit(0, LimitOfFiles, limits, null));
        return before;
    }

    /// <summary>Does something on a thread of its own, which ends with it.</summary>
    public static void OnThread(Action action)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // Thrown again, where it can be caught.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>The inode of one of the calling thread's namespaces: "net" or "mnt".</summary>
    public static uint NamespaceOf(string kind)
    {
        string target = new FileInfo($"/proc/thread-self/ns/{kind}").LinkTarget!;
        return uint.Parse(target.AsSpan()[(target.IndexOf('[', StringComparison.Ordinal) + 1)..^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    public static void MountFileSystem(string type, string target, string options = "")
    {
        nint data = Marshal.StringToCoTaskMemUTF8(options);
        int result = Mount(type, target, type, 0, data);
        Marshal.FreeCoTaskMem(data);
        Check(result);
    }

    /// <summary>Puts a file in the place of another in this mount namespace.</summary>
    public static void CoverFile(string source, string target)
    {
        const nuint Bind = 0x1000;
        const nuint PrivateBelow = 0x40000 | 0x4000;
        Check(Mount("none", "/", "", PrivateBelow, 0));
        Check(Mount(source, target, "", Bind, 0));
    }

    public static void UnmountFileSystem(string target) => Check(Unmount(target, DetachMount));

    private static ushort AddressFamilyNumber(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? (ushort)10 : (ushort)2;

    private static uint WriteAddress(byte* raw, IPAddress address, ushort port)
    {
        Span<byte> bytes = new(raw, 28);
        bytes.Clear();
        *(ushort*)raw = AddressFamilyNumber(address.AddressFamily);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], port);
        bool six = address.AddressFamily == AddressFamily.InterNetworkV6;
        address.TryWriteBytes(bytes[(six ? 8 : 4)..], out _);
        return six ? 28u : 16u;
    }

    private static void WriteName(byte* to, string name)
    {
        Span<byte> bytes = new(to, InterfaceNameSize);
        bytes.Clear();
        System.Text.Encoding.ASCII.GetBytes(name, bytes);
    }

    private static int Check(int result) =>
        result >= 0 ? result : throw new InvalidOperationException(Marshal.GetLastPInvokeErrorMessage());

    // struct sock_fprog of linux/filter.h.
    private readonly record struct SeccompProgram(ushort Length, nint Filter);
}

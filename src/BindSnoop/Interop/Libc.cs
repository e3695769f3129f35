using System.Runtime.InteropServices;

namespace BindSnoop.Interop;

/// <summary>The part of the C library and the system calls that the engine uses.</summary>
internal static unsafe partial class Libc
{
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const int AT_SYMLINK_FOLLOW = 0x400;
    public const int AT_EMPTY_PATH = 0x1000;
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_NONBLOCK = 0x800;
    public const int O_PATH = 0x200000;
    public const uint RENAME_NOREPLACE = 1;
    public const int O_CLOEXEC = 0x80000;
    public const int EFD_CLOEXEC = 0x80000;
    public const uint MFD_CLOEXEC = 1;
    public const int EFD_NONBLOCK = 0x800;
    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;
    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const short POLLHUP = 16;
    public const int CLONE_NEWNET = 0x40000000;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int SOCK_RAW = 3;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int SOCK_NONBLOCK = O_NONBLOCK;
    public const int PR_GET_NAME = 16;
    public const int CLOCK_REALTIME = 0;
    public const int CLOCK_BOOTTIME = 7;
    public const uint STATX_BASIC_STATS = 0x7ff;
    public const int StatusSize = 256;
    public const long CGROUP2_SUPER_MAGIC = 0x63677270;

    private const string Library = "libc";

    public static int O_DIRECTORY => IsArm64 ? 0x4000 : 0x10000;

    public static int O_NOFOLLOW => IsArm64 ? 0x8000 : 0x20000;

    public static int O_TMPFILE => 0x400000 | O_DIRECTORY;

    private static bool IsArm64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary>The permissions of a symbolic link itself; 0 if it cannot be looked at.</summary>
    public static int LinkMode(string path)
    {
        const int AT_FDCWD = -100;
        const int AT_SYMLINK_NOFOLLOW = 0x100;
        const uint STATX_MODE = 2;
        const int ModeOffset = 28;
        byte* buffer = stackalloc byte[256];
        return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MODE, buffer) == 0 ? *(ushort*)(buffer + ModeOffset) & 0x1ff : 0;
    }

    /// <summary>kcmp(2): 0 if two tasks share one file table, positive if not, -1 where that may not be asked.</summary>
    public static nint CompareFiles(int first, int second)
    {
        const nint KCMP_FILES = 2;
        long number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 272 : 312;
        return syscall5(number, first, second, KCMP_FILES, 0, 0);
    }

    /// <summary>The inode number of an open file, or 0.</summary>
    public static ulong InodeOf(FileDescriptor file)
    {
        const int AT_EMPTY_PATH = 0x1000;
        const uint STATX_INO = 0x100;
        const int InodeOffset = 32;
        byte* buffer = stackalloc byte[256];
        return statx(file.Value, "", AT_EMPTY_PATH, STATX_INO, buffer) == 0 ? *(ulong*)(buffer + InodeOffset) : 0;
    }

    [LibraryImport(Library)]
    public static partial int close(int fd);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Library)]
    public static partial int munmap(nint address, nuint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport(Library, SetLastError = true)]
    public static partial FileDescriptor eventfd(uint value, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint write(FileDescriptor fd, void* data, nuint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint read(FileDescriptor fd, void* data, nuint size);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial FileDescriptor memfd_create(string name, uint flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial FileDescriptor open(string path, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial FileDescriptor openat(FileDescriptor directory, string path, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial FileDescriptor openat(FileDescriptor directory, string path, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int linkat(FileDescriptor oldDirectory, string oldPath, FileDescriptor newDirectory, string newPath, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int linkat(int oldDirectory, string oldPath, FileDescriptor newDirectory, string newPath, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int renameat(FileDescriptor oldDirectory, string oldPath, FileDescriptor newDirectory, string newPath);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int renameat2(FileDescriptor oldDirectory, string oldPath, FileDescriptor newDirectory, string newPath, uint flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int unlinkat(FileDescriptor directory, string path, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fchmod(FileDescriptor fd, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fsync(FileDescriptor fd);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int flock(FileDescriptor fd, int operation);

    [LibraryImport(Library)]
    public static partial int isatty(FileDescriptor fd);

    [LibraryImport(Library, SetLastError = true)]
    public static partial FileDescriptor socket(int family, int type, int protocol);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int bind(int socket, byte* address, uint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int listen(int socket, int backlog);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int connect(int socket, byte* address, uint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int accept4(int socket, byte* address, uint* size, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int getsockname(int socket, byte* address, uint* size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setsockopt(int socket, int level, int option, void* value, uint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int getsockopt(int socket, int level, int option, void* value, uint* size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial FileDescriptor openat(FileDescriptor directory, byte* path, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int clock_gettime(int clock, out TimeSpecification time);

    [LibraryImport(Library)]
    public static partial uint geteuid();

    [LibraryImport(Library)]
    public static partial uint getuid();

    [LibraryImport(Library)]
    public static partial uint getgid();

    [LibraryImport(Library)]
    public static partial int getppid();

    [LibraryImport(Library)]
    public static partial int prctl(int option, void* value);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setns(FileDescriptor fd, int type);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint if_indextoname(uint index, byte* name);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int open_by_handle_at(FileDescriptor mount, void* handle, int flags);

    [LibraryImport(Library)]
    public static partial int getpwuid_r(uint uid, void* entry, byte* buffer, nuint size, out nint result);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getpwnam_r(string name, void* entry, byte* buffer, nuint size, out nint result);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getservbyport_r(int port, string protocol, void* entry, byte* buffer, nuint size, out nint result);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint readlink(string path, byte* target, nuint size);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint readlinkat(FileDescriptor directory, string path, byte* target, nuint size);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint realpath(string path, byte* resolved);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int directory, string path, int flags, uint mask, byte* status);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(FileDescriptor directory, string path, int flags, uint mask, byte* status);

    [LibraryImport(Library)]
    public static partial nint inet_ntop(int family, void* address, byte* text, uint size);

    [LibraryImport(Library)]
    public static partial int vsnprintf(byte* buffer, nuint size, byte* format, nint arguments);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statfs(string path, long* buffer);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ioctl(FileDescriptor fd, nuint request, nint argument);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fstatfs(FileDescriptor fd, long* buffer);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint syscall5(long number, nint a, nint b, nint c, nint d, nint e);

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Fd;
        public short Events;
        public short ReturnedEvents;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }
}

using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Mounts of kernel file systems that are attached nowhere: the machine's mount table stays as it is.</summary>
internal static unsafe class DetachedMount
{
    // New system calls have one number on all architectures; glibc 2.36 is the first to wrap these two.
    private const long SysFsOpen = 430;
    private const long SysFsConfig = 431;
    private const long SysFsMount = 432;
    private const nint FsOpenCloseOnExec = 1;
    private const nint FsConfigCommandCreate = 6;
    private const nint FsMountCloseOnExec = 1;

    /// <summary>The root of a file system, by its name; invalid if the kernel refuses.</summary>
    public static FileDescriptor Of(string fileSystem, out int errno)
    {
        fixed (byte* type = Encoding.ASCII.GetBytes(fileSystem + '\0'))
        {
            using FileDescriptor context = new((int)Libc.syscall5(SysFsOpen, (nint)type, FsOpenCloseOnExec, 0, 0, 0));
            if (context.IsInvalid ||
                Libc.syscall5(SysFsConfig, context.Value, FsConfigCommandCreate, 0, 0, 0) < 0)
            {
                errno = Marshal.GetLastPInvokeError();
                return new FileDescriptor();
            }

            FileDescriptor mount = new((int)Libc.syscall5(SysFsMount, context.Value, FsMountCloseOnExec, 0, 0, 0));
            errno = Marshal.GetLastPInvokeError();
            return mount;
        }
    }
}

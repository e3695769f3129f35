using System.Runtime.InteropServices;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>Names of network interfaces; an index means something only together with its network namespace.</summary>
internal static unsafe class NetworkInterfaces
{
    private const int NameSize = 16;

    // Interfaces are renamed and indexes used again: what was found is believed only for a while.
    private static readonly LookUpCache<(uint Namespace, uint Index), string> s_names = new(1024, TimeSpan.FromSeconds(1));

    // Namespaces that could not be entered: to try takes a thread.
    private static readonly LookUpCache<uint, string> s_closed = new(1024, TimeSpan.Zero);

    private static uint s_ownNamespace;

    private static uint OwnNamespace => s_ownNamespace != 0 ? s_ownNamespace : s_ownNamespace = Namespaces.InodeOf("/proc/self/ns/net");

    /// <summary>
    /// The name of an interface as processes of a network namespace see it, or nothing if it cannot
    /// be had: the namespace is another one and its thread gone, or CAP_SYS_ADMIN is missing.
    /// </summary>
    public static string NameOf(uint index, uint networkNamespace, uint threadId)
    {
        if (index == 0)
        {
            return "";
        }

        if (s_names.TryGet((networkNamespace, index), out string? known))
        {
            return known ?? "";
        }

        if (networkNamespace == OwnNamespace)
        {
            return s_names.Remember((networkNamespace, index), LookUp(index)) ?? "";
        }

        // Where this thread is gone, the next one to be seen there may not be: nothing to remember.
        string path = $"/proc/{threadId}/ns/net";
        if (s_closed.TryGet(networkNamespace, out _) || Namespaces.InodeOf(path) != networkNamespace)
        {
            return "";
        }

        if (!TryLookUpIn(path, index, out string? name))
        {
            s_closed.Remember(networkNamespace, null);
            return "";
        }

        return s_names.Remember((networkNamespace, index), name) ?? "";
    }

    private static string? LookUp(uint index)
    {
        byte* name = stackalloc byte[NameSize];
        return Libc.if_indextoname(index, name) != 0
            ? DisplayText.Escape(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name))
            : null;
    }

    /// <summary>Looks in a namespace; returns false if it cannot be entered.</summary>
    private static bool TryLookUpIn(string path, uint index, out string? name)
    {
        string? found = null;
        bool entered = false;

        // A thread that has changed its namespace can serve nothing else afterwards.
        Thread thread = new(() =>
        {
            using FileDescriptor target = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            if (!target.IsInvalid && Libc.setns(target, Libc.CLONE_NEWNET) == 0)
            {
                entered = true;
                found = LookUp(index);
            }
        });
        thread.IsBackground = true;
        try
        {
            thread.Start();
            thread.Join();
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            // No more threads are to be had, as at a limit of pids.
        }

        name = found;
        return entered;
    }
}

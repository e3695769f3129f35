using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Names of network interfaces; an index means something only together with its network namespace.</summary>
internal static unsafe class NetworkInterfaces
{
    private const int NameSize = 16;

    // Interfaces are renamed and indexes used again: what was found is believed only for a while.
    private const long TrustMilliseconds = 1000;

    private static readonly ConcurrentDictionary<(uint Namespace, uint Index), (string Name, long Until)> s_names = new();

    private static readonly Lazy<uint> s_ownNamespace = new(() => NamespaceOf("/proc/self/ns/net"));

    /// <summary>
    /// The name of an interface as processes of a network namespace see it, or nothing where it cannot
    /// be had: the namespace is another one and its thread gone, or CAP_SYS_ADMIN is missing.
    /// </summary>
    public static string NameOf(uint index, uint networkNamespace, uint threadId)
    {
        if (index == 0)
        {
            return "";
        }

        long now = Environment.TickCount64;
        if (s_names.TryGetValue((networkNamespace, index), out (string Name, long Until) known) && now < known.Until)
        {
            return known.Name;
        }

        if (s_names.Count > 1024)
        {
            s_names.Clear();
        }

        string name = networkNamespace == s_ownNamespace.Value ? LookUp(index) : LookUpIn(networkNamespace, threadId, index);
        if (name.Length > 0)
        {
            s_names[(networkNamespace, index)] = (name, now + TrustMilliseconds);
        }

        return name;
    }

    private static string LookUp(uint index)
    {
        byte* name = stackalloc byte[NameSize];
        return Libc.if_indextoname(index, name) != 0
            ? DisplayText.Escape(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name))
            : "";
    }

    private static string LookUpIn(uint networkNamespace, uint threadId, uint index)
    {
        string path = $"/proc/{threadId}/ns/net";
        if (NamespaceOf(path) != networkNamespace)
        {
            return "";
        }

        // A thread that has changed its namespace can serve nothing else afterwards.
        string name = "";
        Thread thread = new(() =>
        {
            using FileDescriptor target = Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC);
            if (!target.IsInvalid && Libc.setns(target, Libc.CLONE_NEWNET) == 0)
            {
                name = LookUp(index);
            }
        });
        thread.IsBackground = true;
        thread.Start();
        thread.Join();
        return name;
    }

    /// <summary>The inode number in a link such as <c>net:[4026531840]</c>, or 0.</summary>
    private static uint NamespaceOf(string path)
    {
        try
        {
            string? target = new FileInfo(path).LinkTarget;
            return target is not null && uint.TryParse(target.AsSpan()[(target.IndexOf('[') + 1)..^1], out uint inode) ? inode : 0;
        }
        catch (IOException)
        {
            return 0;
        }
        catch (UnauthorizedAccessException)
        {
            return 0;
        }
    }
}

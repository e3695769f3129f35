using System.Globalization;
using System.IO.Enumeration;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Sockets;

/// <summary>What /proc shows of the sockets and network namespaces that processes have, as far as this process may look.</summary>
internal sealed class ProcessFiles
{
    private const string SocketPrefix = "socket:[";
    private const string NamespacePrefix = "net:[";

    /// <summary>Descriptors by the inode numbers of their sockets.</summary>
    public Dictionary<ulong, List<(int ProcessId, int Descriptor)>> Owners { get; } = [];

    /// <summary>Paths by the inode numbers of the network namespaces that they lead to.</summary>
    public Dictionary<uint, string> Namespaces { get; } = [];

    /// <summary>How many processes did not let this one look at their descriptors.</summary>
    public int Refused { get; private set; }

    public static ProcessFiles Read()
    {
        ProcessFiles files = new();
        foreach (string name in Entries("/proc") ?? [])
        {
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int processId))
            {
                files.ReadProcess(processId);
            }
        }

        return files;
    }

    private void ReadProcess(int processId)
    {
        string process = $"/proc/{processId}";
        AddNamespace($"{process}/ns/net");
        ReadDescriptors(processId, $"{process}/fd", count: true);
        foreach (string thread in Entries($"{process}/task") ?? [])
        {
            // A thread with a file table or a network namespace of its own.
            if (int.TryParse(thread, NumberStyles.None, CultureInfo.InvariantCulture, out int threadId) && threadId != processId)
            {
                AddNamespace($"{process}/task/{threadId}/ns/net");
                if (Libc.CompareFiles(processId, threadId) > 0)
                {
                    ReadDescriptors(processId, $"{process}/task/{threadId}/fd", count: false);
                }
            }
        }
    }

    private void ReadDescriptors(int processId, string folder, bool count)
    {
        if (Entries(folder) is not { } entries)
        {
            Refused += count ? 1 : 0;
            return;
        }

        foreach (string name in entries)
        {
            string path = $"{folder}/{name}";
            string target = Processes.ReadLink(path);
            if (target.StartsWith(SocketPrefix, StringComparison.Ordinal) && ulong.TryParse(target.AsSpan()[SocketPrefix.Length..^1], out ulong inode))
            {
                // A descriptor opened with O_PATH leads to no socket; it can neither be read nor written.
                int descriptor = int.Parse(name, CultureInfo.InvariantCulture);
                if (Libc.LinkMode(path) != 0)
                {
                    List<(int ProcessId, int Descriptor)> owners = Owners.TryGetValue(inode, out var known) ? known : Owners[inode] = [];
                    if (!owners.Contains((processId, descriptor)))
                    {
                        owners.Add((processId, descriptor));
                    }
                }
            }
            else if (target.StartsWith(NamespacePrefix, StringComparison.Ordinal))
            {
                AddNamespace(path);
            }
        }
    }

    private void AddNamespace(string path)
    {
        string target = Processes.ReadLink(path);
        if (target.StartsWith(NamespacePrefix, StringComparison.Ordinal) && uint.TryParse(target.AsSpan()[NamespacePrefix.Length..^1], out uint inode))
        {
            Namespaces.TryAdd(inode, path);
        }
    }

    /// <summary>The names in a folder of /proc; null if it may not be read, or is gone.</summary>
    private static List<string>? Entries(string folder)
    {
        try
        {
            return [.. new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.FileName.ToString(), new() { AttributesToSkip = 0, IgnoreInaccessible = false })];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

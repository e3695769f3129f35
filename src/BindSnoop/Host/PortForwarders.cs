using System.Globalization;
using BindSnoop.Interop;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// Finds the container that Podman's rootlessport, slirp4netns or pasta forwards ports to. The first two do not say so, but
/// lead to its network namespace: pasta has a descriptor of it, and rootlessport a child in it. slirp4netns has neither left; the
/// name of its socket for commands has the container's id.
/// </summary>
internal static class PortForwarders
{
    // pasta runs passt, or a build of it for the processor.
    private static readonly string[] s_comms = ["rootlessport", "slirp4netns", "pasta", "pasta.avx2", "passt", "passt.avx2"];

    private static readonly LookUpCache<(int, long), PublishedPort> s_found = new(1024, TimeSpan.FromSeconds(10));

    /// <summary>Whether a process is one of them, by its name.</summary>
    public static bool Includes(string comm) => s_comms.Contains(comm);

    /// <summary>Whom a process forwards ports to; null if that cannot be found out.</summary>
    /// <param name="processId">An id as /proc shows it.</param>
    /// <param name="start">When it began, which makes the id unique.</param>
    public static PublishedPort? Find(int processId, long start) =>
        s_found.TryGet((processId, start), out PublishedPort? known) ? known : s_found.Remember((processId, start), LookUp(processId));

    private static PublishedPort? LookUp(int processId)
    {
        string own = $"/proc/{processId}";
        uint[] targets =
        [
            .. Inner($"{own}/fd").Concat(Children(own).Select(child => $"/proc/{child}/ns/net"))
                .Select(NetworkNamespaceAt).Where(n => n != 0).Distinct().Except([Namespaces.InodeOf($"{own}/ns/net")]),
        ];
        return targets is [var target] ? InNamespace(target) : targets.Length == 0 ? ByArgument(processId) : null;
    }

    /// <summary>The container in a network namespace; null unless it is one.</summary>
    private static PublishedPort? InNamespace(uint networkNamespace)
    {
        string[] paths =
        [
            .. Inner("/proc").Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0]) && Namespaces.InodeOf($"{p}/ns/net") == networkNamespace)
                .Select(p => Cgroups.PathOfProcess(int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture))).Distinct(),
        ];
        PublishedPort[] containers =
        [
            .. paths.Select(p => (Path: p, Owner: CgroupOwner.Of(p))).Where(c => c.Owner is { ContainerId.Length: > 0 } or { UserContainerId.Length: > 0 })
                .Select(c => c.Owner.ContainerId is { Length: > 0 } ? new PublishedPort(Containers.Of(c.Path)?.Name, "") : new("", c.Owner.UserContainerId)).Distinct(),
        ];
        return containers is [var only] ? only : null;
    }

    private static PublishedPort? ByArgument(int processId)
    {
        const string Suffix = ".net";
        return Processes.ArgumentOf(Processes.ArgumentsOf(processId), "--api-socket", "-a") is { } path && path.EndsWith(Suffix, StringComparison.Ordinal) &&
            Path.GetFileName(path)[..^Suffix.Length] is { } id && Containers.IsEngineId(id)
            ? Processes.UidOf(processId) == 0 ? new(ContainerFiles.Find(id)?.Name, "") : new("", id)
            : null;
    }

    // proc_pid_task(5): each thread has its own.
    private static IEnumerable<string> Children(string process) =>
        Inner($"{process}/task").SelectMany(thread => SystemFile.ReadText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static uint NetworkNamespaceAt(string path) =>
        Processes.ReadLink(path).StartsWith("net:[", StringComparison.Ordinal) ? Namespaces.InodeOf(path) : 0;

    private static string[] Inner(string directory)
    {
        try
        {
            return Directory.GetFileSystemEntries(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended, or may not be looked at.
            return [];
        }
    }
}

/// <summary>The container that a port is published for; both empty if it is for none, null what is not known.</summary>
/// <param name="Name">Of a container of the system's engines the name.</param>
/// <param name="UserId">Of another its id, which its user chooses.</param>
internal sealed record PublishedPort(string? Name, string? UserId)
{
    /// <summary>Of what publishes no ports.</summary>
    public static PublishedPort None { get; } = new("", "");

    /// <summary>Publishes ports, but the container is unknown.</summary>
    public static PublishedPort Unknown { get; } = new(null, null);
}

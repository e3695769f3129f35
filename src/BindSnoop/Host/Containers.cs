using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// Names of containers, read from what their engines leave on disk: no daemon is asked. An engine writes that down before it
/// makes a container's cgroup, and removes it after the cgroup: as long as a path of a cgroup can be looked up, so can this.
/// </summary>
internal static class Containers
{
    // How many digits of an id engines show.
    private const int ShownDigits = 12;

    // Containers can be renamed, and what is on disk outlives the memory of it only as long as the container.
    private static readonly LookUpCache<string, ContainerFacts> s_known = new(4096, TimeSpan.FromSeconds(10), keepLast: true);

    /// <summary>
    /// What is known of the container that a cgroup is of; <see cref="ContainerFacts.None"/> outside of containers of the
    /// system's engines, null if nothing is known.
    /// </summary>
    /// <param name="cgroupPath">A path as events show it.</param>
    public static ContainerFacts? Of(string cgroupPath) =>
        cgroupPath.Length == 0 ? null
        : s_known.TryGet(cgroupPath, out ContainerFacts? known) ? known
        : s_known.Remember(cgroupPath, LookUp(cgroupPath));

    /// <summary>Whether a cgroup is of one of these containers; null if that is not known.</summary>
    /// <param name="wanted">
    /// Names, of containers of the system's engines; or ids, of any, whole or their first digits, of which engines show twelve.
    /// </param>
    /// <param name="cgroupPath">A path as events show it.</param>
    public static bool? AreOf(IReadOnlyList<string> wanted, string cgroupPath) => AreOf(wanted, cgroupPath, Of(cgroupPath)?.Name);

    /// <param name="name">The name of the system's container that the cgroup is of; null if it is not known.</param>
    /// <inheritdoc cref="AreOf(IReadOnlyList{string}, string)"/>
    public static bool? AreOf(IReadOnlyList<string> wanted, string cgroupPath, string? name)
    {
        if (cgroupPath.Length == 0)
        {
            return null;
        }

        CgroupOwner owner = CgroupOwner.Of(cgroupPath);
        return wanted.Any(w => IsId(w, owner.ContainerId!) || IsId(w, owner.UserContainerId!) || (name is { Length: > 0 } && w == name)) ? true
            : name is null && wanted.Any(w => !MayBeId(w)) ? null
            : false;
    }

    private static bool MayBeId(string wanted) => wanted.Length >= ShownDigits && wanted.All(char.IsAsciiHexDigitLower);

    private static bool IsId(string wanted, string id) =>
        id.Length > 0 && (id == wanted || (wanted.Length >= ShownDigits && id.StartsWith(wanted, StringComparison.Ordinal)));

    private static ContainerFacts? LookUp(string cgroupPath)
    {
        // What runs below a container, a unit or a user's manager can give its cgroup the id of another's container. So
        // only containers count that nobody but root can have named.
        string id = CgroupOwner.Of(cgroupPath).ContainerId!;
        return id.Length == 0 ? ContainerFacts.None
            : IsEngineId(id) ? ContainerFiles.Find(id)
            : ContainerFacts.Of(RuntimeOfNamed(cgroupPath), id, null);
    }

    /// <summary>Whether that is an id as Docker, containerd, CRI-O and Podman make them.</summary>
    public static bool IsEngineId(string id) => id.Length == 64 && id.All(char.IsAsciiHexDigitLower);

    // The path does not distinguish other managers that register with systemd-machined.
    private static string? RuntimeOfNamed(string cgroupPath) =>
        cgroupPath.Contains("/lxc.payload.", StringComparison.Ordinal) ? "lxc"
        : cgroupPath.Contains("/systemd-nspawn@", StringComparison.Ordinal) ? "systemd-nspawn"
        : null;
}

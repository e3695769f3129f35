using System.Globalization;
using System.Text.RegularExpressions;

namespace BindSnoop.Host;

/// <summary>
/// Who a cgroup belongs to, read off its path by the conventions of systemd and of container engines. All null where
/// the path is not known.
/// </summary>
/// <remarks>
/// Only the system's manager and root's engines make cgroups at the root and in slices. Whatever lies below the first
/// cgroup that is no slice may have been delegated, and then those who run there choose its name: systemd's own
/// cg_path_get_unit() and cg_path_get_user_unit() stop there as well. So the two are never mixed up.
/// </remarks>
/// <param name="Unit">The systemd unit of the system; empty if there is none.</param>
/// <param name="UserUnit">The unit of a user's own systemd; empty if there is none. Its user chooses it.</param>
/// <param name="ContainerId">The container by an engine of the system; empty if there is none.</param>
/// <param name="UserContainerId">
/// The innermost container below a user's manager, a unit or another container; empty if there is none. Those who run
/// there choose it.
/// </param>
internal readonly partial record struct CgroupOwner(string? Unit, string? UserUnit, string? ContainerId, string? UserContainerId)
{
    private const string PodmanParent = "libpod_parent";

    // Of the cgroupfs driver, where it gets a slice for a parent: system.slice/containerd.service/SLICE:cri-containerd:ID.
    private static readonly string[] s_engines = ["containerd.service", "crio.service", "docker.service", "k3s.service", "k3s-agent.service"];

    /// <summary>Reads a path as events show it.</summary>
    public static CgroupOwner Of(string path)
    {
        if (path.Length == 0)
        {
            return default;
        }

        // The backslashes that unit names have in them are single again.
        string[] all = Array.ConvertAll(
            path.Split('/', StringSplitOptions.RemoveEmptyEntries), p => p.Replace(@"\\", @"\", StringComparison.Ordinal));
        ReadOnlySpan<string> parts = SkipSlices(all);
        if (parts.IsEmpty)
        {
            return new CgroupOwner("", "", "", "");
        }

        string unit = UnitOf(parts[0]);
        if (unit.Length == 0)
        {
            int first = FirstContainer(parts, parts[0] == PodmanParent ? "libpod-" : "");
            return new CgroupOwner("", "", first < 0 ? "" : ContainerOf(parts[first]), first < 0 ? "" : LastContainer(parts[(first + 1)..]));
        }

        ReadOnlySpan<string> below = parts[1..];
        string container = below is ["supervisor", ..] ? "" : ContainerOf(parts[0]);
        if (container.Length == 0 && s_engines.Contains(unit) && FirstContainer(below, "") is >= 0 and int found)
        {
            container = ContainerOf(below[found]);
            below = below[(found + 1)..];
        }

        string userUnit = UserManager().IsMatch(unit) && SkipSlices(below) is [var inner, ..] ? UnitOf(inner) : "";
        return new CgroupOwner(unit, userUnit, container, LastContainer(below));
    }

    /// <summary>The user whose manager a unit of the system is; null if it is none.</summary>
    public static uint? UserOf(string unit) =>
        UserManager().Match(unit) is { Success: true } match && uint.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out uint uid)
            ? uid
            : null;

    private static ReadOnlySpan<string> SkipSlices(ReadOnlySpan<string> parts)
    {
        while (parts is [var first, ..] && Slice().IsMatch(first))
        {
            parts = parts[1..];
        }

        return parts;
    }

    /// <summary>The unit that a cgroup is of; nothing if its name is not one.</summary>
    private static string UnitOf(string part)
    {
        // cg_escape() of systemd puts one before names that the kernel might use itself.
        string name = part.StartsWith('_') ? part[1..] : part;
        return UnitName().IsMatch(name) ? name : "";
    }

    private static int FirstContainer(ReadOnlySpan<string> parts, string prefix)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].StartsWith(prefix, StringComparison.Ordinal) && ContainerOf(parts[i]).Length > 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static string LastContainer(ReadOnlySpan<string> parts)
    {
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            if (ContainerOf(parts[i]) is { Length: > 0 } id)
            {
                return id;
            }
        }

        return "";
    }

    /// <summary>
    /// The container that a cgroup is of: the id that Docker, Podman, containerd, CRI-O and ECS give it, of LXC and
    /// systemd-nspawn the name; nothing if it is of none.
    /// </summary>
    private static string ContainerOf(string part)
    {
        // conmon looks after a container, from outside of it.
        if (EngineId().Match(part) is { Success: true } id && !part.Contains("-conmon-", StringComparison.Ordinal))
        {
            return id.Groups[1].Value;
        }

        return NamedContainer().Match(part) is { Success: true } name ? SystemdUnescape(name.Groups["name"].Value) : "";
    }

    private static string SystemdUnescape(string name) =>
        HexEscape().Replace(name, m => DisplayText.Escape([Convert.FromHexString(m.Groups[1].ValueSpan)[0]]));

    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+\.slice$")]
    private static partial Regex Slice();

    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+\.(?:service|scope|socket|mount|swap)$")]
    private static partial Regex UnitName();

    [GeneratedRegex(@"^user@([0-9]+)\.service$")]
    private static partial Regex UserManager();

    [GeneratedRegex(@"(?:^|[-:_])([0-9a-f]{64}|[0-9a-f]{32}-[0-9]+)(?:\.scope)?$")]
    private static partial Regex EngineId();

    // machine-qemu… are virtual machines.
    [GeneratedRegex(@"^(?:lxc\.payload\.(?<name>.+)|systemd-nspawn@(?<name>.+)\.service|machine-(?!qemu)(?<name>.+)\.scope)$")]
    private static partial Regex NamedContainer();

    [GeneratedRegex(@"\\x([0-9a-f]{2})")]
    private static partial Regex HexEscape();
}

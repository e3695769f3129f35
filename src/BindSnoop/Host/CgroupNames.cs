using System.Text.RegularExpressions;

namespace BindSnoop.Host;

/// <summary>What the path of a cgroup tells, by the conventions of systemd and of container engines.</summary>
internal static partial class CgroupNames
{
    private static readonly string[] s_unitSuffixes = [".service", ".scope", ".socket", ".mount", ".swap"];

    /// <summary>
    /// The id of the innermost container: what Docker, Podman, containerd, CRI-O and ECS call it, of LXC and
    /// systemd-nspawn the name; nothing outside of containers.
    /// </summary>
    public static string ContainerOf(string path)
    {
        foreach (string part in Parts(path))
        {
            // conmon looks after a container, from outside of it.
            if (EngineId().Match(part) is { Success: true } id && !part.Contains("-conmon-", StringComparison.Ordinal))
            {
                return id.Groups[1].Value;
            }

            if (NamedContainer().Match(part) is { Success: true } name)
            {
                return SystemdUnescape(name.Groups["name"].Value);
            }
        }

        return "";
    }

    /// <summary>The innermost systemd unit, of the system or of a user, that is not a slice; nothing if there is none.</summary>
    public static string UnitOf(string path) =>
        Parts(path).Select(p => p.TrimStart('_')).FirstOrDefault(
            p => s_unitSuffixes.Any(s => p.EndsWith(s, StringComparison.Ordinal) && p.Length > s.Length) && UnitName().IsMatch(p)) ?? "";

    /// <summary>The parts, innermost first, with the backslashes that unit names have in them single again.</summary>
    private static IEnumerable<string> Parts(string path) =>
        Enumerable.Reverse(path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            .Select(p => p.Replace(@"\\", @"\", StringComparison.Ordinal));

    private static string SystemdUnescape(string name) =>
        HexEscape().Replace(name, m => DisplayText.Escape([Convert.FromHexString(m.Groups[1].ValueSpan)[0]]));

    [GeneratedRegex(@"(?:^|[-:_])([0-9a-f]{64}|[0-9a-f]{32}-[0-9]+)(?:\.scope)?$")]
    private static partial Regex EngineId();

    // machine-qemu… are virtual machines.
    [GeneratedRegex(@"^(?:lxc\.payload\.(?<name>.+)|systemd-nspawn@(?<name>.+)\.service|machine-(?!qemu)(?<name>.+)\.scope)$")]
    private static partial Regex NamedContainer();

    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+$")]
    private static partial Regex UnitName();

    [GeneratedRegex(@"\\x([0-9a-f]{2})")]
    private static partial Regex HexEscape();
}

using System.Text;
using System.Text.RegularExpressions;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// The <c>.socket</c> units of the system's systemd, for which process 1 holds sockets. It makes IPv4 and IPv6 sockets in the
/// unit's own cgroup (socket_address_listen_in_cgroup() of its socket.c), and the kernel never forgets where a socket was
/// made. Only root can put a process there, so no one else can create a socket that seems to be a unit's.
/// </summary>
internal static partial class SocketUnits
{
    private const string Suffix = ".socket";

    // Where systemd itself runs, the system's and each user's.
    private const string Manager = "init.scope";

    // By falling priority, as systemd.unit(5) has it.
    private static readonly string[] s_folders =
    [
        "/etc/systemd/system.control",
        "/run/systemd/system.control",
        "/run/systemd/transient",
        "/run/systemd/generator.early",
        "/etc/systemd/system",
        "/etc/systemd/system.attached",
        "/run/systemd/system",
        "/run/systemd/system.attached",
        "/run/systemd/generator",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
        "/run/systemd/generator.late",
    ];

    private static readonly string[] s_yes = ["1", "yes", "y", "true", "t", "on"];
    private static readonly string[] s_no = ["0", "no", "n", "false", "f", "off"];

    private static readonly LookUpCache<string, string> s_services = new(1024, TimeSpan.FromSeconds(10));

    /// <summary>The unit that a socket is of, by the cgroup that it was made in.</summary>
    /// <param name="cgroupPath">The path as events show it; nothing if it is not known.</param>
    /// <returns>
    /// Empty if it is of none; null if that is not known: also of what systemd made in its own cgroup, as it does for users'
    /// units, and where the kernel runs no BPF programs for cgroups.
    /// </returns>
    public static string? Of(string cgroupPath)
    {
        if (cgroupPath.Length == 0)
        {
            return null;
        }

        bool isManagers = cgroupPath.EndsWith($"/{Manager}", StringComparison.Ordinal);
        if (!isManagers && !cgroupPath.Contains(Suffix, StringComparison.Ordinal))
        {
            return "";
        }

        CgroupOwner owner = CgroupOwner.Of(cgroupPath);
        return owner.Unit!.EndsWith(Suffix, StringComparison.Ordinal) ? owner.Unit : IsManager(owner) ? null : "";
    }

    /// <summary>Whether a process runs where only systemd itself does.</summary>
    public static bool IsManager(CgroupOwner owner) => owner.Unit == Manager || owner.UserUnit == Manager;

    /// <summary>The service that systemd starts for a unit, as its files say now; empty without a unit, null if that is not known.</summary>
    /// <param name="unit">As <see cref="Of"/> has it.</param>
    public static string? ServiceOf(string? unit) =>
        unit is not { Length: > 0 } ? unit
        : s_services.TryGet(unit, out string? known) ? known
        : s_services.Remember(unit, LookUp(unit));

    private static string? LookUp(string unit)
    {
        string stem = unit[..^Suffix.Length];
        int at = stem.IndexOf('@', StringComparison.Ordinal);
        string? template = at < 0 ? null : $"{stem[..(at + 1)]}{Suffix}";
        if (FragmentOf(unit, template) is not { } fragment || DropInsOf(unit, template, stem) is not { } dropIns)
        {
            return null;
        }

        UnitFile settings = new();
        settings.Apply(fragment);
        foreach (byte[] dropIn in dropIns)
        {
            settings.Apply(dropIn);
        }

        // One instance for each connection; systemd.socket(5).
        return settings.Accepts ? $"{stem}{(at < 0 ? "@" : "")}.service"
            : settings.Service is not { } service ? $"{stem}.service"
            : ServiceName().IsMatch(service) ? service
            : null;
    }

    /// <summary>The file that describes a unit; null if there is none, or it is a link or not trusted.</summary>
    private static byte[]? FragmentOf(string unit, string? template)
    {
        foreach (string name in template is null ? [unit] : new[] { unit, template })
        {
            foreach (string folder in s_folders)
            {
                using StateDirectory? directory = StateDirectory.Open(folder);
                if (directory?.Has(name) == true)
                {
                    return directory.Read(name);
                }
            }
        }

        return null;
    }

    /// <summary>The files that change a unit, in the order of their names; null if one of them cannot be trusted.</summary>
    private static List<byte[]>? DropInsOf(string unit, string? template, string stem)
    {
        SortedDictionary<string, byte[]?> found = new(StringComparer.Ordinal);
        foreach (string folder in s_folders)
        {
            using StateDirectory? directory = StateDirectory.Open(folder);
            foreach (string name in DropInFolders(unit, template, stem))
            {
                using StateDirectory? changes = directory?.OpenInner(name);
                foreach (string file in (changes?.Names() ?? []).Where(n => n.EndsWith(".conf", StringComparison.Ordinal)))
                {
                    if (!found.ContainsKey(file))
                    {
                        found.Add(file, changes!.Read(file));
                    }
                }
            }
        }

        return found.ContainsValue(null) ? null : [.. found.Values.OfType<byte[]>()];
    }

    // Those of the unit, of its template, of a-b-.socket and a-.socket, and of all sockets.
    private static IEnumerable<string> DropInFolders(string unit, string? template, string stem)
    {
        yield return $"{unit}.d";
        if (template is not null)
        {
            yield return $"{template}.d";
        }

        for (int dash = stem.Split('@')[0].LastIndexOf('-'); dash > 0; dash = stem.LastIndexOf('-', dash - 1))
        {
            yield return $"{stem[..(dash + 1)]}{Suffix}.d";
        }

        yield return $"{Suffix[1..]}.d";
    }

    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+\.service$")]
    private static partial Regex ServiceName();

    /// <summary>What matters of a file of systemd.syntax(7).</summary>
    private sealed class UnitFile
    {
        public string? Service { get; private set; }

        public bool Accepts { get; private set; }

        public void Apply(byte[] content)
        {
            string section = "";
            foreach (string line in Encoding.UTF8.GetString(content).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n').Select(l => l.Trim()))
            {
                if (line.StartsWith('['))
                {
                    section = line;
                }
                else if (section == "[Socket]" && line.Split('=', 2) is [var name, var value])
                {
                    Set(name.TrimEnd(), value.Trim());
                }
            }
        }

        private void Set(string name, string value)
        {
            switch (name)
            {
                case "Service" when value.Length > 0:
                    Service = value;
                    break;
                case "Accept" when s_yes.Contains(value, StringComparer.OrdinalIgnoreCase):
                    Accepts = true;
                    break;
                case "Accept" when s_no.Contains(value, StringComparer.OrdinalIgnoreCase):
                    Accepts = false;
                    break;
            }
        }
    }
}

using System.Globalization;

namespace BindSnoop.Interop;

/// <summary>How a machine gets libbpf 1.0 or later, by what os-release(5) says of it.</summary>
internal static class LibBpfAdvice
{
    private const string Wanted = "Install libbpf 1.0 or later";
    private const string Packages = "the packaged module or the native build of the command line, which contain it";

    // Debian 12 and Ubuntu 22.10 are the first to have it, and RHEL 9 with what is made of it.
    private static readonly (string Id, Version First, string Install)[] s_distributions =
    [
        ("debian", new(12, 0), "apt install libbpf1"),
        ("ubuntu", new(22, 10), "apt install libbpf1"),
        ("fedora", new(0, 0), "dnf install libbpf"),
        ("rhel", new(9, 0), "dnf install libbpf"),
        ("centos", new(9, 0), "dnf install libbpf"),
        ("rocky", new(9, 0), "dnf install libbpf"),
        ("almalinux", new(9, 0), "dnf install libbpf"),
        ("opensuse", new(0, 0), "zypper install libbpf1"),
        ("suse", new(0, 0), "zypper install libbpf1"),
        ("arch", new(0, 0), "pacman -S libbpf"),
        ("alpine", new(0, 0), "apk add libbpf"),
    ];

    /// <summary>For the machine this runs on.</summary>
    public static string ForThisMachine()
    {
        try
        {
            return For(File.ReadAllText("/etc/os-release"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return For("");
        }
    }

    /// <summary>For a machine with such a file.</summary>
    public static string For(string osRelease)
    {
        Dictionary<string, string> values = [];
        foreach (string[] field in osRelease.Split('\n').Select(l => l.Split('=', 2)).Where(f => f.Length == 2))
        {
            values[field[0].Trim()] = field[1].Trim().Trim('"', '\'');
        }

        string id = values.GetValueOrDefault("ID", "");
        // Derivatives count their versions as they like.
        foreach (string like in values.GetValueOrDefault("ID_LIKE", "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Prepend(id))
        {
            if (Array.Find(s_distributions, d => d.Id == like) is { Id: not null } distribution)
            {
                return like == id && VersionOf(values) is { } version && version < distribution.First
                    ? $"This release has no libbpf 1.0: use {Packages}."
                    : $"{Wanted}: '{distribution.Install}'; or use {Packages}.";
            }
        }

        return $"{Wanted}: 'apt install libbpf1' (Debian, Ubuntu), 'dnf install libbpf' (Fedora); or use {Packages}.";
    }

    private static Version? VersionOf(Dictionary<string, string> values)
    {
        string text = values.GetValueOrDefault("VERSION_ID", "");
        return Version.TryParse(text, out Version? version) ? version
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int major) ? new Version(major, 0) : null;
    }
}

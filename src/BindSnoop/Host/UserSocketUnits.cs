using System.Globalization;
using System.Text;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// The <c>.socket</c> units of users' own systemds. These make sockets in the cgroup that they run in themselves, which so
/// does not show the unit: it is the one whose files ask for the port. A user writes these files, and may say anything there.
/// </summary>
internal static class UserSocketUnits
{
    private static readonly LookUpCache<uint, Known> s_known = new(256, TimeSpan.FromSeconds(10));

    /// <summary>The unit that a user's systemd made a socket for, as the user's files say now; null if that is not known.</summary>
    public static string? Of(uint uid, int protocol, int port) => Find(uid, protocol, port)?.Name;

    /// <summary>The service that is started for it; null if that is not known.</summary>
    public static string? ServiceOf(uint uid, int protocol, int port) =>
        Find(uid, protocol, port) is { } unit ? unit.Settings!.ServiceOf(unit.Name[..^SocketUnitFiles.Suffix.Length]) : null;

    private static Unit? Find(uint uid, int protocol, int port)
    {
        Known known = s_known.TryGet(uid, out Known? before) ? before! : s_known.Remember(uid, LookUp(uid))!;
        Unit[] asking = [.. known.Units.Where(u => u.Settings?.ListensOn(protocol, port) != false)];

        // One that cannot be read may be the one.
        return known.IsComplete && asking is [{ Settings: not null } only] && only.Settings.ListensOn(protocol, port) == true ? only : null;
    }

    private static Known LookUp(uint uid)
    {
        string? home = HomeOf(uid);
        SocketUnitFiles files = new(FoldersOf(uid, home), uid);
        IReadOnlyCollection<string>? names = files.Units();
        return new(home is not null && names is not null, [.. (names ?? []).Select(n => new Unit(n, files.Read(n)))]);
    }

    // By falling priority, as systemd.unit(5) has it where no environment variable says otherwise.
    private static string[] FoldersOf(uint uid, string? home)
    {
        string run = string.Create(CultureInfo.InvariantCulture, $"/run/user/{uid}/systemd");
        string[] folders =
        [
            $"{home}/.config/systemd/user.control",
            $"{run}/user.control",
            $"{run}/transient",
            $"{run}/generator.early",
            $"{home}/.config/systemd/user",
            "/etc/xdg/systemd/user",
            "/etc/systemd/user",
            $"{run}/user",
            "/run/systemd/user",
            $"{run}/generator",
            $"{home}/.local/share/systemd/user",
            "/usr/local/share/systemd/user",
            "/usr/share/systemd/user",
            "/usr/local/lib/systemd/user",
            "/usr/lib/systemd/user",
            $"{run}/generator.late",
        ];
        return home is null ? [.. folders.Where(f => !f.StartsWith("/.", StringComparison.Ordinal))] : folders;
    }

    // The host's, which another root directory has its own list of.
    private static string? HomeOf(uint uid)
    {
        using StateDirectory? etc = StateDirectory.Open("/etc");
        string id = uid.ToString(CultureInfo.InvariantCulture);
        foreach (string line in Encoding.UTF8.GetString(etc?.Read("passwd") ?? []).Split('\n'))
        {
            // passwd(5).
            if (line.Split(':') is [_, _, var number, _, _, var home, ..] && number == id)
            {
                return home.StartsWith('/') ? home.TrimEnd('/') : null;
            }
        }

        return HostRoot.Path is null ? Users.HomeOf(uid) : null;
    }

    private sealed record Known(bool IsComplete, IReadOnlyList<Unit> Units);

    private sealed record Unit(string Name, SocketUnitSettings? Settings);
}

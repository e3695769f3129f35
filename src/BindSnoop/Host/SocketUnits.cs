using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// The <c>.socket</c> units of the system's systemd, for which process 1 holds sockets. It makes IPv4 and IPv6 sockets in the
/// unit's own cgroup (socket_address_listen_in_cgroup() of its socket.c), and the kernel never forgets where a socket was
/// made. Only root can put a process there, so no one else can create a socket that seems to be a unit's.
/// </summary>
internal static class SocketUnits
{
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

    private static readonly LookUpCache<string, string> s_services = new(1024, TimeSpan.FromSeconds(10));

    /// <summary>The unit that a socket is of, by the cgroup that it was made in.</summary>
    /// <param name="cgroupPath">The path as events show it; nothing if it is not known.</param>
    /// <returns>
    /// Empty if it is of none; null if that is not known: also of what the system's systemd made in its own cgroup, as it does
    /// where the kernel runs no BPF programs for cgroups.
    /// </returns>
    public static string? Of(string cgroupPath)
    {
        if (cgroupPath.Length == 0)
        {
            return null;
        }

        bool isManagers = cgroupPath.EndsWith($"/{Manager}", StringComparison.Ordinal);
        if (!isManagers && !cgroupPath.Contains(SocketUnitFiles.Suffix, StringComparison.Ordinal))
        {
            return "";
        }

        CgroupOwner owner = CgroupOwner.Of(cgroupPath);
        return owner.Unit!.EndsWith(SocketUnitFiles.Suffix, StringComparison.Ordinal) ? owner.Unit : owner.Unit == Manager ? null : "";
    }

    /// <summary>The user whose systemd runs in a cgroup, and makes the sockets of the user's units there; null if it is none.</summary>
    /// <param name="cgroupPath">The path as events show it.</param>
    public static uint? UserOfManager(string cgroupPath) =>
        cgroupPath.EndsWith($"/{Manager}", StringComparison.Ordinal) && CgroupOwner.Of(cgroupPath) is { UserUnit: Manager, Unit: var unit } ? CgroupOwner.UserOf(unit!) : null;

    /// <summary>Whether a process runs where only systemd itself does.</summary>
    public static bool IsManager(CgroupOwner owner) => owner.Unit == Manager || owner.UserUnit == Manager;

    /// <summary>The service that systemd starts for a unit, as its files say now; empty without a unit, null if that is not known.</summary>
    /// <param name="unit">As <see cref="Of"/> has it.</param>
    public static string? ServiceOf(string? unit) =>
        unit is not { Length: > 0 } ? unit
        : s_services.TryGet(unit, out string? known) ? known
        : s_services.Remember(unit, LookUp(unit));

    private static string? LookUp(string unit) => new SocketUnitFiles(s_folders).Read(unit)?.ServiceOf(unit[..^SocketUnitFiles.Suffix.Length]);
}

using System.Globalization;

namespace BindSnoop.Host;

/// <summary>Whose ports below net.ipv4.ip_unprivileged_port_start are.</summary>
internal static class BindPrivilege
{
    private const int CapNetBindService = 10;

    /// <summary>
    /// Whether a process has CAP_NET_BIND_SERVICE over a network namespace, by the rules of the kernel's cap_capable():
    /// in the user namespace that owns it or in an ancestor of that, or by having made one of them. Null if the process
    /// or the namespace cannot be looked at.
    /// </summary>
    public static bool? Of(string process, NetworkState state)
    {
        string status = SystemFile.ReadText($"{process}/status");
        uint own = Namespaces.InodeOf($"{process}/ns/user");
        if (Field(status, "CapEff:") is not [var bits] || Field(status, "Uid:") is not [_, var effective, ..] || own == 0 || state.Owners.Count == 0)
        {
            return null;
        }

        bool holds = (ulong.Parse(bits, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> CapNetBindService & 1) != 0;
        uint user = uint.Parse(effective, CultureInfo.InvariantCulture);
        for (int place = 0; place < state.Owners.Count; place++)
        {
            if (state.Owners[place].Inode == own)
            {
                return holds || (place > 0 && state.Owners[place - 1].OwnerUid == user);
            }
        }

        return false;
    }

    /// <summary>The user whose sockets a process makes: its file system user id; null if it is not to be seen.</summary>
    public static uint? UserOf(string process) =>
        Field(SystemFile.ReadText($"{process}/status"), "Uid:") is [_, _, _, var user] ? uint.Parse(user, CultureInfo.InvariantCulture) : null;

    private static string[] Field(string status, string name) =>
        status.Split('\n').FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..]
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [];
}

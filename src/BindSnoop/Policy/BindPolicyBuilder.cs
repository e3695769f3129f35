using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace BindSnoop;

/// <summary>
/// Makes the policy that allows the calls it was shown, and no others: of each program and user which ports on
/// which addresses.
/// </summary>
internal sealed partial class BindPolicyBuilder
{
    private readonly SortedDictionary<Owner, SortedDictionary<Socket, SortedSet<ushort>>> _seen = [];

    // For names of rules only: two machines may call one user differently.
    private readonly Dictionary<uint, string> _userNames = [];

    /// <summary>Learns a call.</summary>
    /// <returns>False if it names no socket or no address, so there is nothing to allow, or no one to allow it to.</returns>
    public bool Add(BindFacts facts)
    {
        if (!facts.IsWhole || facts.Comm is not { } comm || facts.Uid is not { } uid)
        {
            return false;
        }

        Owner owner = new(comm, uid, IsLasting(facts.Unit) ? facts.Unit : "", facts.Call);
        _userNames[uid] = DisplayText.EscapeUnsafe(facts.UserName);
        if (!_seen.TryGetValue(owner, out SortedDictionary<Socket, SortedSet<ushort>>? sockets))
        {
            _seen[owner] = sockets = [];
        }

        Socket socket = new(facts.Protocol, AddressPrefix.Parse(facts.JudgedAddress!.Split('%')[0]).ToString());
        if (!sockets.TryGetValue(socket, out SortedSet<ushort>? ports))
        {
            sockets[socket] = ports = [];
        }

        // Which port the kernel chose is chance.
        ports.Add(facts.RequestedPort == 0 ? (ushort)0 : (ushort)facts.JudgedPort);
        return true;
    }

    /// <summary>The policy so far.</summary>
    /// <param name="source">What to call it.</param>
    public BindPolicy Build(string source)
    {
        List<BindPolicyRule> rules = [];
        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        foreach ((Owner owner, SortedDictionary<Socket, SortedSet<ushort>> sockets) in _seen)
        {
            foreach (BindPolicyRule rule in RulesOf(sockets))
            {
                rules.Add(rule with
                {
                    Name = NameOf(owner, names),
                    Call = [owner.Call],
                    Comm = [owner.Comm],
                    Uid = [owner.Uid],
                    Unit = owner.Unit.Length > 0 ? [owner.Unit] : [],
                });
            }
        }

        return new BindPolicy(source, BindPolicyAction.Deny, rules.ToArray());
    }

    /// <summary>
    /// As few rules as cover exactly these: values of one rule combine freely, so only what has the same ports is
    /// put together, first addresses and then protocols.
    /// </summary>
    private static IEnumerable<BindPolicyRule> RulesOf(SortedDictionary<Socket, SortedSet<ushort>> sockets) =>
        from socket in sockets
        group socket.Key.Address by (socket.Key.Protocol, Ports: string.Join(',', Ranges(socket.Value))) into addresses
        group addresses.Key.Protocol by (Addresses: string.Join(',', addresses), addresses.Key.Ports) into protocols
        select new BindPolicyRule
        {
            Name = "",
            Action = BindPolicyAction.Allow,
            Protocol = protocols.ToArray(),
            Address = protocols.Key.Addresses.Split(',').Select(AddressPrefix.Parse).ToArray(),
            Port = protocols.Key.Ports.Split(',').Select(PortRange.Parse).ToArray(),
        };

    private static List<PortRange> Ranges(SortedSet<ushort> ports)
    {
        List<PortRange> ranges = [];
        foreach (ushort port in ports)
        {
            // 0 is no neighbour of 1.
            if (ranges.Count > 0 && ranges[^1] is { Last: > 0 } last && last.Last + 1 == port)
            {
                ranges[^1] = new PortRange(last.First, port);
            }
            else
            {
                ranges.Add(new PortRange(port, port));
            }
        }

        return ranges;
    }

    private string NameOf(Owner owner, HashSet<string> taken)
    {
        string unit = owner.Unit.Length > 0 ? $" in {owner.Unit}" : "";
        string user = _userNames[owner.Uid] is { Length: > 0 } known ? known : owner.Uid.ToString(CultureInfo.InvariantCulture);
        string call = owner.Call == BindPolicyCall.Listen ? ", listening" : "";
        string name = $"{(owner.Comm.Length > 0 ? owner.Comm : "(no name)")} as {user}{unit}{call}";
        string free = name;
        for (int i = 2; !taken.Add(free); i++)
        {
            free = $"{name} ({i})";
        }

        return free;
    }

    /// <summary>Whether a unit will be called the same next time: scopes and what systemd-run starts are not.</summary>
    private static bool IsLasting([NotNullWhen(true)] string? unit) => unit is { Length: > 0 } && !TransientUnit().IsMatch(unit);

    [GeneratedRegex(@"\.scope$|^run-(?:r[0-9a-f]{32}|[up][0-9i-]+)\.service$")]
    private static partial Regex TransientUnit();

    private readonly record struct Owner(string Comm, uint Uid, string Unit, BindPolicyCall Call) : IComparable<Owner>
    {
        public int CompareTo(Owner other)
        {
            int order = string.CompareOrdinal(Comm, other.Comm);
            order = order != 0 ? order : Uid.CompareTo(other.Uid);
            order = order != 0 ? order : string.CompareOrdinal(Unit, other.Unit);
            return order != 0 ? order : Call.CompareTo(other.Call);
        }
    }

    private readonly record struct Socket(ushort Protocol, string Address) : IComparable<Socket>
    {
        public int CompareTo(Socket other)
        {
            int order = Protocol.CompareTo(other.Protocol);
            return order != 0 ? order : string.CompareOrdinal(Address, other.Address);
        }
    }
}

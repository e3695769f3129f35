using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>What a policy does about a bind.</summary>
public enum BindPolicyAction
{
    /// <summary>The bind is in order.</summary>
    Allow,

    /// <summary>The bind is a violation.</summary>
    Deny,
}

/// <summary>
/// One rule of a policy. Conditions are named after the properties of events; an empty one lets all through,
/// conditions combine with AND, the values within one with OR, as filters do.
/// </summary>
public sealed record BindPolicyRule
{
    /// <summary>A name that no other rule of the policy has.</summary>
    public required string Name { get; init; }

    /// <summary>What becomes of the binds that fit.</summary>
    public required BindPolicyAction Action { get; init; }

    /// <summary>Names of threads, as events show them.</summary>
    public IReadOnlyList<string> Comm { get; init; } = [];

    /// <summary>Real user ids.</summary>
    public IReadOnlyList<uint> Uid { get; init; } = [];

    /// <summary>Real group ids.</summary>
    public IReadOnlyList<uint> Gid { get; init; } = [];

    /// <summary>The system's units, as events show them in <see cref="TraceEvent.Unit"/>; users' own units never fit.</summary>
    public IReadOnlyList<string> Unit { get; init; } = [];

    /// <summary>Containers of the system's engines, as events show them in <see cref="TraceEvent.ContainerId"/>.</summary>
    public IReadOnlyList<string> ContainerId { get; init; } = [];

    /// <summary>Protocol numbers.</summary>
    public IReadOnlyList<ushort> Protocol { get; init; } = [];

    /// <summary>IP versions of the socket.</summary>
    public IReadOnlyList<IPFamily> AddressFamily { get; init; } = [];

    /// <summary>Addresses, of a failed call the requested one; an IPv4-mapped IPv6 address counts as both of what it is.</summary>
    public IReadOnlyList<AddressPrefix> Address { get; init; } = [];

    /// <summary>Ports, of a failed call the requested one; 0 fits whoever left the choice to the kernel.</summary>
    public IReadOnlyList<PortRange> Port { get; init; } = [];

    /// <summary>Why the call failed, as <see cref="BindEvent.Cause"/> has it; no success fits, and failures only where they are explained.</summary>
    public IReadOnlyList<string> Cause { get; init; } = [];

    /// <summary>The conditions in words, such as "Comm nginx; Port 80,443".</summary>
    public string Conditions => string.Join("; ", Texts().Select(c => $"{c.Name} {string.Join(',', c.Values)}"));

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The conditions that are set, each value as a policy writes it.</summary>
    internal IEnumerable<(string Name, IEnumerable<string> Values)> Texts()
    {
        (string Name, IEnumerable<string> Values)[] all =
        [
            (nameof(Comm), Comm),
            (nameof(Uid), Uid.Select(u => u.ToString(CultureInfo.InvariantCulture))),
            (nameof(Gid), Gid.Select(g => g.ToString(CultureInfo.InvariantCulture))),
            (nameof(Unit), Unit),
            (nameof(ContainerId), ContainerId),
            (nameof(Protocol), Protocol.Select(Protocols.NameOf)),
            (nameof(AddressFamily), AddressFamily.Select(f => f.ToString())),
            (nameof(Address), Address.Select(a => a.IsWhole ? a.Address.ToString() : a.ToString())),
            (nameof(Port), Port.Select(p => p.ToString())),
            (nameof(Cause), Cause),
        ];
        return all.Where(c => c.Values.Any());
    }

    /// <summary>Whether all conditions fit; null if that depends on what is not known of the bind.</summary>
    internal bool? Fits(BindFacts facts) =>
        !FitsCall(facts) ? false
        : Unit.Count == 0 && ContainerId.Count == 0 && Cause.Count == 0 ? true
        : FitsOwner(Unit, facts.Unit) & FitsOwner(ContainerId, facts.ContainerId) & FitsCause(facts);

    /// <summary>What is not known of a bind that might fit.</summary>
    internal string Doubt(BindFacts facts) => FitsCause(facts) is null ? "cause" : "cgroup";

    private bool? FitsCause(BindFacts facts) =>
        Cause.Count == 0 ? true
        : facts.ErrorCode == 0 ? false
        : facts.Cause is { } cause && (cause != BindCause.Unknown || Cause.Contains(cause)) ? Cause.Contains(cause)
        : null;

    private static bool? FitsOwner(IReadOnlyList<string> wanted, string? owner) =>
        wanted.Count == 0 ? true : owner is null ? null : wanted.Contains(owner);

    // What costs least is asked first.
    private bool FitsCall(BindFacts facts) =>
        (Uid.Count == 0 || Uid.Contains(facts.Uid)) &&
        (Gid.Count == 0 || Gid.Contains(facts.Gid)) &&
        (Protocol.Count == 0 || Protocol.Contains(facts.Protocol)) &&
        (AddressFamily.Count == 0 || AddressFamily.Contains(facts.AddressFamily)) &&
        (Port.Count == 0 || HasPort(facts)) &&
        (Comm.Count == 0 || Comm.Contains(facts.Comm)) &&
        (Address.Count == 0 || HasAddress(facts));

    private bool HasPort(BindFacts facts)
    {
        for (int i = 0; i < Port.Count; i++)
        {
            if (Port[i].Contains(facts.JudgedPort) || (facts.RequestedPort == 0 && Port[i].Contains(0)))
            {
                return true;
            }
        }

        return false;
    }

    private bool HasAddress(BindFacts facts)
    {
        foreach (AddressValue address in facts.Addresses)
        {
            for (int i = 0; i < Address.Count; i++)
            {
                if (Address[i].Contains(address))
                {
                    return true;
                }
            }
        }

        return false;
    }
}

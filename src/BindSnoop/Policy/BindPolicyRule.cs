using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>What a policy does with a call.</summary>
public enum BindPolicyAction
{
    /// <summary>The call is in order.</summary>
    Allow,

    /// <summary>The call is a violation.</summary>
    Deny,
}

/// <summary>
/// One rule of a policy. Conditions are named after the properties of events; an empty one lets all through,
/// conditions combine with AND, the values within one with OR, as filters do.
/// </summary>
public sealed record BindPolicyRule
{
    private static readonly BindPolicyCall[] s_bind = [BindPolicyCall.Bind];

    /// <summary>A name that no other rule of the policy has.</summary>
    public required string Name { get; init; }

    /// <summary>What happens to calls that match.</summary>
    public required BindPolicyAction Action { get; init; }

    /// <summary>The calls that it is about; by default binds.</summary>
    public IReadOnlyList<BindPolicyCall> Call { get; init; } = s_bind;

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

    /// <summary>Their names, as events show them in <see cref="TraceEvent.ContainerName"/>; processes in a container cannot choose its name.</summary>
    public IReadOnlyList<string> ContainerName { get; init; } = [];

    /// <summary>Kubernetes pods, as events show them in <see cref="TraceEvent.PodName"/>.</summary>
    public IReadOnlyList<string> PodName { get; init; } = [];

    /// <summary>Namespaces of Kubernetes pods, as events show them in <see cref="TraceEvent.PodNamespace"/>.</summary>
    public IReadOnlyList<string> PodNamespace { get; init; } = [];

    /// <summary>Protocol numbers.</summary>
    public IReadOnlyList<ushort> Protocol { get; init; } = [];

    /// <summary>IP versions of the socket.</summary>
    public IReadOnlyList<IPFamily> AddressFamily { get; init; } = [];

    /// <summary>Addresses, of a failed call the requested one; an IPv4-mapped IPv6 address counts as both of what it is.</summary>
    public IReadOnlyList<AddressPrefix> Address { get; init; } = [];

    /// <summary>
    /// Ports, of a failed bind the requested one; 0 matches calls that left the choice to the kernel, as listen() without bind() does.
    /// </summary>
    public IReadOnlyList<PortRange> Port { get; init; } = [];

    /// <summary>Why the call failed, as <see cref="BindEvent.Cause"/> has it; no success matches, and failures only if they are explained.</summary>
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
            (nameof(Call), Call.SequenceEqual(s_bind) ? [] : Call.Select(c => c.ToString())),
            (nameof(Comm), Comm),
            (nameof(Uid), Uid.Select(u => u.ToString(CultureInfo.InvariantCulture))),
            (nameof(Gid), Gid.Select(g => g.ToString(CultureInfo.InvariantCulture))),
            (nameof(Unit), Unit),
            (nameof(ContainerId), ContainerId),
            (nameof(ContainerName), ContainerName),
            (nameof(PodName), PodName),
            (nameof(PodNamespace), PodNamespace),
            (nameof(Protocol), Protocol.Select(Protocols.NameOf)),
            (nameof(AddressFamily), AddressFamily.Select(f => f.ToString())),
            (nameof(Address), Address.Select(a => a.IsWhole ? a.Address.ToString() : a.ToString())),
            (nameof(Port), Port.Select(p => p.ToString())),
            (nameof(Cause), Cause),
        ];
        return all.Where(c => c.Values.Any());
    }

    /// <summary>Whether all conditions fit; null if that depends on what is not known of the bind.</summary>
    internal bool? Fits(BindFacts facts)
    {
        if (!MayFitCall(facts))
        {
            return false;
        }

        bool? call = DoubtOfCall(facts) is null ? true : null;
        return Unit.Count == 0 && ContainerId.Count == 0 && !HasNames && Cause.Count == 0
            ? call
            : call & FitsPlace(facts) & FitsNames(facts) & FitsCause(facts);
    }

    /// <summary>What is not known of a bind that might fit.</summary>
    internal string Doubt(BindFacts facts) =>
        DoubtOfCall(facts) ?? (FitsCause(facts) is null ? "cause" : FitsPlace(facts) is null ? "cgroup" : "container's name");

    private bool HasNames => ContainerName.Count > 0 || PodName.Count > 0 || PodNamespace.Count > 0;

    private bool? FitsPlace(BindFacts facts) => FitsOwner(Unit, facts.Unit) & FitsOwner(ContainerId, facts.ContainerId);

    private bool? FitsNames(BindFacts facts) =>
        !HasNames ? true
        : FitsOwner(ContainerName, facts.ContainerName) & FitsOwner(PodName, facts.PodName) & FitsOwner(PodNamespace, facts.PodNamespace);

    private bool? FitsCause(BindFacts facts) =>
        Cause.Count == 0 ? true
        : facts.ErrorCode == 0 ? false
        : facts.Cause is { } cause && (cause != BindCause.Unknown || Cause.Contains(cause)) ? Cause.Contains(cause)
        : null;

    private static bool? FitsOwner(IReadOnlyList<string> wanted, string? owner) =>
        wanted.Count == 0 ? true : owner is null ? null : wanted.Contains(owner);

    // What costs least is asked first. What is not known may fit.
    private bool MayFitCall(BindFacts facts) =>
        Call.Contains(facts.Call) &&
        (Uid.Count == 0 || facts.Uid is not { } uid || Uid.Contains(uid)) &&
        (Gid.Count == 0 || facts.Gid is not { } gid || Gid.Contains(gid)) &&
        (Protocol.Count == 0 || Protocol.Contains(facts.Protocol)) &&
        (AddressFamily.Count == 0 || AddressFamily.Contains(facts.AddressFamily)) &&
        (Port.Count == 0 || HasPort(facts, facts.RequestedPort is 0 or null)) &&
        (Comm.Count == 0 || facts.Comm is not { } comm || Comm.Contains(comm)) &&
        (Address.Count == 0 || HasAddress(facts));

    /// <summary>What is asked of the call and not known; null if all is known.</summary>
    private string? DoubtOfCall(BindFacts facts) =>
        Uid.Count > 0 && facts.Uid is null ? "user"
        : Gid.Count > 0 && facts.Gid is null ? "group"
        : Comm.Count > 0 && facts.Comm is null ? "program"
        : Port.Count > 0 && facts.RequestedPort is null && !HasPort(facts, mayBeChosen: false) ? "requested port"
        : null;

    /// <param name="mayBeChosen">Whether the kernel chose the port, or may have.</param>
    private bool HasPort(BindFacts facts, bool mayBeChosen)
    {
        for (int i = 0; i < Port.Count; i++)
        {
            if (Port[i].Contains(facts.JudgedPort) || (mayBeChosen && Port[i].Contains(0)))
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

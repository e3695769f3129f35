namespace BindSnoop;

/// <summary>
/// What is asked of a record: about a moment, or a span of time. An empty filter lets all through, filters combine with AND, the
/// values within one with OR.
/// </summary>
public sealed record RecordQuestion
{
    /// <summary>The moment: who held the ports then? In any kind of time; null: not about a moment.</summary>
    public DateTime? At { get; init; }

    /// <summary>What happened from then on; null: from the beginning.</summary>
    public DateTime? From { get; init; }

    /// <summary>What happened until then; null: to the end.</summary>
    public DateTime? Until { get; init; }

    /// <summary>Ports; of a failed bind the one that was requested.</summary>
    public IReadOnlyList<PortRange> Port { get; init; } = [];

    /// <summary>Addresses. An IPv4-mapped IPv6 address counts as both of what it is.</summary>
    public IReadOnlyList<AddressPrefix> Address { get; init; } = [];

    /// <summary>Protocol numbers.</summary>
    public IReadOnlyList<ushort> Protocol { get; init; } = [];

    /// <summary>Process ids.</summary>
    public IReadOnlyList<uint> ProcessId { get; init; } = [];

    /// <summary>Real user ids.</summary>
    public IReadOnlyList<uint> Uid { get; init; } = [];

    /// <summary>Names of threads, exactly, as events show them.</summary>
    public IReadOnlyList<string> Comm { get; init; } = [];

    /// <summary>Units of systemd, of the system or a user.</summary>
    public IReadOnlyList<string> Unit { get; init; } = [];

    /// <summary>Containers, by id or the beginning of it, or by the name that their engine gives them.</summary>
    public IReadOnlyList<string> Container { get; init; } = [];

    /// <summary>Network namespaces, by inode number.</summary>
    public IReadOnlyList<uint> NetworkNamespace { get; init; } = [];

    /// <summary>Causes of failures, in any case; then nothing but failures is wanted.</summary>
    public IReadOnlyList<string> Cause { get; init; } = [];

    /// <summary>Nothing but failures.</summary>
    public bool Failed { get; init; }

    /// <summary>Fails where it asks for what cannot be.</summary>
    /// <exception cref="TraceException"><c>InvalidRecordTime</c>, <c>InvalidCause</c>.</exception>
    internal void Check()
    {
        if (At is not null && (From is not null || Until is not null))
        {
            throw Invalid("Both a moment and a period were given.", "Give only one of the two.");
        }

        if (At is not null && (Failed || Cause.Count > 0))
        {
            throw Invalid("Failures have no duration, so a single moment has none.", "Give a period, such as the second around that moment.");
        }

        if (Until < From)
        {
            throw Invalid("The period ends before it begins.", "Give the earlier time first.");
        }

        if (Cause.FirstOrDefault(c => Diagnosis.BindCause.Parse(c) is null) is { } wrong)
        {
            throw new TraceException(
                "InvalidCause",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(wrong)}' is not a cause.",
                $"Give one of {string.Join(", ", Diagnosis.BindCause.All)}.",
                wrong);
        }
    }

    private static TraceException Invalid(string what, string remedy) => new("InvalidRecordTime", TraceErrorKind.InvalidArgument, what, remedy);
}

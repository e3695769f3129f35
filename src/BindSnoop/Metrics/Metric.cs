namespace BindSnoop.Metrics;

/// <summary>Something measured. Prometheus' names follow from these as OpenTelemetry lays down.</summary>
/// <param name="Name">Its name in the meter.</param>
/// <param name="Unit">What is counted, as UCUM annotates it.</param>
/// <param name="Description">What it measures.</param>
/// <param name="IsCounter">Only grows; else it goes up and down.</param>
internal sealed record Metric(string Name, string Unit, string Description, bool IsCounter = true)
{
    private static readonly Dictionary<EventDefinition, Metric> s_calls = EventDefinition.All.ToDictionary(
        kind => kind, kind => new Metric($"bindsnoop.{kind.Call}s", "{call}", $"{kind.What} by protocol, IP version and result."));

    public static Metric Binds { get; } = CallsOf(BindEvent.Definition);

    public static Metric PrivilegedBinds { get; } =
        new("bindsnoop.privileged_binds", "{call}", "Calls of bind() for ports below 1024 by result and class of user: root, system or user.");

    public static Metric Errors { get; } = new("bindsnoop.errors", "{call}", "Failed calls by call and error, and by cause if failures are explained.");

    public static Metric Received { get; } = new("bindsnoop.received", "{call}", "Calls that the kernel delivered or counted.");

    public static Metric Dropped { get; } =
        new("bindsnoop.dropped", "{call}", "Calls that were lost, in the kernel or from the full queue of a background trace.");

    public static Metric Proofs { get; } =
        new("bindsnoop.proofs", "{proof}", "Proofs, by known calls, that a trace works, by result: at the start and every hour.");

    public static Metric Queued { get; } = new("bindsnoop.queued", "{event}", "Events in a background trace that wait to be fetched.", IsCounter: false);

    public static IReadOnlyList<Metric> All { get; } = [Binds, PrivilegedBinds, .. s_calls.Values.Where(m => m != Binds), Errors, Received, Dropped, Proofs, Queued];

    /// <summary>The calls of one kind of event.</summary>
    public static Metric CallsOf(EventDefinition kind) => s_calls[kind];
}

using System.Globalization;
using BindSnoop.Errors;
using BindSnoop.Names;

namespace BindSnoop.Metrics;

/// <summary>
/// Counts calls by the labels that metrics have. How many counts there can be is limited: by the protocols and
/// errors that are known and the ports that were requested. The rest counts as other.
/// </summary>
/// <param name="ports">Ports that are counted separately; if empty, counts are not split by port.</param>
internal sealed class MetricTally(IReadOnlyCollection<int> ports)
{
    private const int Other = -1;
    private const int FirstUnprivilegedPort = 1024;

    private static readonly Dictionary<int, string> s_protocols =
        new[] { "TCP", "UDP", "MPTCP", "SCTP", "UDPLITE", "DCCP", "ICMP", "ICMPV6" }.ToDictionary(n => (int)Protocols.Parse(n), n => n.ToLowerInvariant());

    private readonly Dictionary<Call, long> _calls = [];
    private readonly Dictionary<Failure, long> _failures = [];

    // Causes become known in this order, of not more failures than may wait for that.
    private readonly Queue<(Failure Failure, Task<BindFinding> Finding)> _undecided = [];

    /// <summary>The ports that have a label of their own.</summary>
    public IReadOnlyCollection<int> Ports { get; } = ports;

    /// <summary>Counts a call.</summary>
    public void Add(TraceEvent next)
    {
        (int protocol, string family, int port) = next.LocalEnd;

        // Zero asks the kernel to choose, and it chooses no privileged port.
        string? user = next.Kind.ClaimsPorts && port is > 0 and < FirstUnprivilegedPort ? UserClass(next.Uid) : null;
        lock (_calls)
        {
            Add(next.Kind, protocol, family, next.ErrorCode, port, user, 1);
            if (next.ErrorCode != 0)
            {
                Add(FailureOf(next.Kind, next.ErrorCode), next.Finding);
            }
        }
    }

    /// <summary>Adds what was counted in the kernel, which does not count by user.</summary>
    public void Add(BindCount count)
    {
        lock (_calls)
        {
            Add(count.Kind, count.ProtocolNumber, count.AddressFamily, count.ErrorCode, count.Port, null, count.Count);
            if (count.ErrorCode != 0)
            {
                Add(_failures, FailureOf(count.Kind, count.ErrorCode), count.Count);
            }
        }
    }

    /// <summary>Writes the counts, as those of the trace if it has a name.</summary>
    public void WriteTo(MetricSet set, string? traceName)
    {
        KeyValuePair<string, string?> trace = new("bindsnoop.trace", set.TraceTag(traceName));
        lock (_calls)
        {
            foreach ((Call call, long count) in _calls)
            {
                KeyValuePair<string, string?> result = new("result", call.IsFailure ? "failure" : "success");
                set.Add(
                    Metric.CallsOf(call.Kind),
                    count,
                    trace,
                    new("network.transport", s_protocols.GetValueOrDefault(call.Protocol, MetricSet.Other)),
                    new("network.type", call.AddressFamily.ToLowerInvariant()),
                    new("server.port", Ports.Count == 0 ? null : call.Port == Other ? MetricSet.Other : call.Port.ToString(CultureInfo.InvariantCulture)),
                    result);
                if (call.UserClass is { } user)
                {
                    set.Add(Metric.PrivilegedBinds, count, trace, new("user.class", user), result);
                }
            }

            Decide();
            foreach ((Failure failure, long count) in _failures)
            {
                string error = failure.Error == Other ? MetricSet.Other : Errno.NameOf(failure.Error);
                set.Add(Metric.Errors, count, trace, new("call", failure.Kind.Call), new("error.type", error), new("cause", failure.Cause));
            }
        }
    }

    // By the ranges of login.defs, and of systemd for services without a user of their own.
    private static string UserClass(uint uid) => uid switch
    {
        0 => "root",
        < 1000 or (>= 61184 and <= 65519) or 65534 => "system",
        _ => "user",
    };

    private void Add(EventDefinition kind, int protocol, string addressFamily, int error, int port, string? userClass, long count)
    {
        Call call = new(
            kind,
            s_protocols.ContainsKey(protocol) ? protocol : Other,
            addressFamily,
            error != 0,
            Ports.Contains(port) ? port : Other,
            userClass);
        Add(_calls, call, count);
    }

    private static void Add<T>(Dictionary<T, long> counts, T key, long count)
        where T : struct => counts[key] = counts.GetValueOrDefault(key) + count;

    private static Failure FailureOf(EventDefinition kind, int error) => new(kind, Errno.IsKnown(error) ? error : Other, null);

    /// <summary>Counts a failure once its cause is known, if that is being looked for.</summary>
    private void Add(Failure failure, Task<BindFinding>? finding)
    {
        Decide();
        if (finding is { IsCompleted: false })
        {
            _undecided.Enqueue((failure, finding));
        }
        else
        {
            Add(_failures, failure with { Cause = finding?.Result.Cause }, 1);
        }
    }

    private void Decide()
    {
        while (_undecided.TryPeek(out var first) && first.Finding.IsCompleted)
        {
            Add(_failures, first.Failure with { Cause = first.Finding.Result.Cause }, 1);
            _undecided.Dequeue();
        }
    }

    private readonly record struct Call(EventDefinition Kind, int Protocol, string AddressFamily, bool IsFailure, int Port, string? UserClass);

    private readonly record struct Failure(EventDefinition Kind, int Error, string? Cause);
}

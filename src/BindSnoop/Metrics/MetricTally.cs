using System.Globalization;
using BindSnoop.Errors;
using BindSnoop.Names;

namespace BindSnoop.Metrics;

/// <summary>
/// Counts calls by what metrics tell of them. How many counts there can be is limited: by the protocols and
/// errors that are known and the ports that were asked for. The rest counts as other.
/// </summary>
/// <param name="ports">Ports that are counted separately; if empty, counts are not split by port.</param>
internal sealed class MetricTally(IReadOnlyCollection<int> ports)
{
    private const int Other = -1;
    private const int FirstUnprivilegedPort = 1024;

    private static readonly Dictionary<int, string> s_protocols =
        new[] { "TCP", "UDP", "MPTCP", "SCTP", "UDPLITE", "DCCP", "ICMP", "ICMPV6" }.ToDictionary(n => (int)Protocols.Parse(n), n => n.ToLowerInvariant());

    private readonly Dictionary<Call, long> _calls = [];

    /// <summary>The ports that are told.</summary>
    public IReadOnlyCollection<int> Ports { get; } = ports;

    /// <summary>Counts a call.</summary>
    public void Add(TraceEvent next)
    {
        (int protocol, string family, int port) = next.LocalEnd;

        // Zero asks the kernel to choose, and it chooses no privileged port.
        string? user = next.Kind.ClaimsPorts && port is > 0 and < FirstUnprivilegedPort ? UserClass(next.Uid) : null;
        Add(next.Kind, protocol, family, next.ErrorCode, port, user, 1);
    }

    /// <summary>Adds what was counted in the kernel, which does not tell users apart.</summary>
    public void Add(BindCount count) =>
        Add(BindEvent.Definition, count.ProtocolNumber, count.AddressFamily, count.ErrorCode, count.Port, null, count.Count);

    /// <summary>Writes the counts, as those of the trace if it has a name.</summary>
    public void WriteTo(MetricSet set, string? traceName)
    {
        KeyValuePair<string, string?> trace = new("bindsnoop.trace", set.TraceTag(traceName));
        lock (_calls)
        {
            foreach ((Call call, long count) in _calls)
            {
                KeyValuePair<string, string?> result = new("result", call.Error == 0 ? "success" : "failure");
                set.Add(
                    Metric.CallsOf(call.Kind),
                    count,
                    trace,
                    new("network.transport", s_protocols.GetValueOrDefault(call.Protocol, MetricSet.Other)),
                    new("network.type", call.AddressFamily.ToLowerInvariant()),
                    new("server.port", Ports.Count == 0 ? null : call.Port == Other ? MetricSet.Other : call.Port.ToString(CultureInfo.InvariantCulture)),
                    result);
                if (call.Error != 0)
                {
                    string error = call.Error == Other ? MetricSet.Other : Errno.NameOf(call.Error);
                    set.Add(Metric.Errors, count, trace, new("call", call.Kind.Call), new("error.type", error));
                }

                if (call.UserClass is { } user)
                {
                    set.Add(Metric.PrivilegedBinds, count, trace, new("user.class", user), result);
                }
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
            Errno.IsKnown(error) ? error : Other,
            Ports.Contains(port) ? port : Other,
            userClass);
        lock (_calls)
        {
            _calls[call] = _calls.GetValueOrDefault(call) + count;
        }
    }

    private readonly record struct Call(EventDefinition Kind, int Protocol, string AddressFamily, int Error, int Port, string? UserClass);
}

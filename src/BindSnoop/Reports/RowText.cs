using System.Globalization;
using BindSnoop.Input;

namespace BindSnoop.Reports;

/// <summary>What a report takes from a row: short texts, and numbers within their range.</summary>
internal static class RowText
{
    /// <summary>The longest text, in characters.</summary>
    public const int MostText = 200;

    // Other times are no times of events.
    private static readonly DateTime s_firstTime = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime s_lastTime = new(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public static string Cut(string? text, int most = MostText) => text is null ? "" : text.Length <= most ? text : $"{text[..most]}…";

    public static string UserOf(InputRow row) =>
        row.Text(nameof(TraceEvent.UserName)) is { Length: > 0 } name ? Cut(name) : Cut(row.Text(nameof(TraceEvent.Uid)));

    public static string OwnerOf(InputRow row) => OwnerOf(
        row.Text(nameof(TraceEvent.PodName)),
        row.Text(nameof(TraceEvent.ContainerName)),
        row.Text(nameof(TraceEvent.ContainerId)),
        row.Text(nameof(TraceEvent.UserContainerId)),
        row.Text(nameof(TraceEvent.Unit)),
        row.Text(nameof(TraceEvent.UserUnit)));

    /// <summary>The first of these names that is there; ids are cut as container engines print them.</summary>
    public static string OwnerOf(params string?[] names)
    {
        const int ShortId = 12;
        string owner = names.FirstOrDefault(n => n is { Length: > 0 }) ?? "";
        return Cut(Host.Containers.IsEngineId(owner) ? owner[..ShortId] : owner);
    }

    public static string EndpointOf(string protocol, string address, int port) =>
        $"{protocol} {(address.Length > 0 ? TraceEvent.EndpointText(address, port) : $"port {port.ToString(CultureInfo.InvariantCulture)}")}";

    public static int PortOf(InputRow row, string name) => row.Number(name) is >= 0 and <= ushort.MaxValue and long port ? (int)port : 0;

    public static long? TimeOf(InputRow row)
    {
        DateTime? time = (row.Moment(nameof(TraceEvent.Timestamp)) ?? row.Moment(nameof(TraceEvent.Time)))?.ToUniversalTime();
        return time >= s_firstTime && time < s_lastTime ? new DateTimeOffset(time.Value).ToUnixTimeMilliseconds() : null;
    }

    public static string HolderOf(InputRow row)
    {
        string program = row.Text(nameof(BindSocket.ProcessId)) is { Length: > 0 } pid
            ? $"{Cut(row.Text(nameof(BindSocket.Comm)))}[{Cut(pid)}]"
            : $"[{Cut(row.Text(nameof(BindSocket.HeldBy)))}]";
        string owner = string.Join(", ", new[] { UserOf(row), OwnerOf(row) }.Where(t => t.Length > 0));
        string protocol = Cut(row.Text(nameof(BindSocket.Protocol)));
        string endpoint = row.Has(nameof(BindSocket.Port))
            ? EndpointOf(protocol, Cut(row.Text(nameof(BindSocket.Address))), PortOf(row, nameof(BindSocket.Port)))
            : $"{protocol} {Cut(row.Text(nameof(RecordHolder.Endpoint)))}";
        return $"{program}{(owner.Length > 0 ? $" ({owner})" : "")}, {endpoint}, {Cut(row.Text(nameof(BindSocket.State)))}";
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace BindSnoop;

/// <summary>A socket that was in the way of a bind that failed, as a record keeps it.</summary>
public sealed class RecordHolder
{
    /// <summary>The process that held it; null if none was known.</summary>
    public int? ProcessId { get; init; }

    /// <summary>Its name; empty if no process was known.</summary>
    public string Comm { get; init; } = "";

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol { get; init; } = "";

    /// <summary>Address and port it was bound to.</summary>
    public string Endpoint { get; init; } = "";

    /// <inheritdoc cref="BindSocket.State"/>
    public string State { get; init; } = "";

    /// <inheritdoc cref="BindSocket.Inode"/>
    public long Inode { get; init; }

    /// <inheritdoc cref="BindSocket.Unit"/>
    public string? Unit { get; init; }

    /// <inheritdoc cref="BindSocket.ContainerId"/>
    public string? ContainerId { get; init; }

    /// <summary>The container's name; empty outside of containers, null if it is not known, or was not recorded yet.</summary>
    public string? ContainerName { get; init; }

    internal static Description<RecordHolder> Description { get; } = new(
    [
        Field<RecordHolder>.Number(nameof(ProcessId), h => h.ProcessId),
        Field<RecordHolder>.Text(nameof(Comm), h => h.Comm),
        Field<RecordHolder>.Text(nameof(Protocol), h => h.Protocol),
        Field<RecordHolder>.Text(nameof(Endpoint), h => h.Endpoint),
        Field<RecordHolder>.Text(nameof(State), h => h.State),
        Field<RecordHolder>.Number(nameof(Inode), h => h.Inode),
        Field<RecordHolder>.Text(nameof(Unit), h => h.Unit),
        Field<RecordHolder>.Text(nameof(ContainerId), h => h.ContainerId),
        Field<RecordHolder>.Text(nameof(ContainerName), h => h.ContainerName),
    ], []);

    /// <inheritdoc/>
    public override string ToString() => $"{Comm}[{ProcessId}] {Protocol} {Endpoint} {State}";

    internal static string Write(IEnumerable<BindSocket> holders) => JsonSerializer.Serialize(
        holders.Select(h => new RecordHolder
        {
            ProcessId = h.ProcessId,
            Comm = h.Comm,
            Protocol = h.Protocol,
            Endpoint = h.Endpoint,
            State = h.State,
            Inode = h.Inode,
            Unit = h.Unit,
            ContainerId = h.ContainerId,
            ContainerName = h.ContainerName,
        }).ToArray(),
        RecordHolderJson.Default.RecordHolderArray);

    /// <summary>Reads what <see cref="Write"/> wrote; nothing if it is something else.</summary>
    internal static IReadOnlyList<RecordHolder> Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, RecordHolderJson.Default.RecordHolderArray)?.Where(h => h is not null).Select(Safe).ToArray() ?? [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    // JSON may hide in escapes what was made safe outside of them.
    private static RecordHolder Safe(RecordHolder read) => new()
    {
        ProcessId = read.ProcessId,
        Comm = DisplayText.EscapeUnsafe(read.Comm ?? ""),
        Protocol = DisplayText.EscapeUnsafe(read.Protocol ?? ""),
        Endpoint = DisplayText.EscapeUnsafe(read.Endpoint ?? ""),
        State = DisplayText.EscapeUnsafe(read.State ?? ""),
        Inode = read.Inode,
        Unit = read.Unit is { } unit ? DisplayText.EscapeUnsafe(unit) : null,
        ContainerId = read.ContainerId is { } container ? DisplayText.EscapeUnsafe(container) : null,
        ContainerName = read.ContainerName is { } name ? DisplayText.EscapeUnsafe(name) : null,
    };
}

/// <summary>Made while compiling, as native builds know nothing of types at run time.</summary>
[JsonSerializable(typeof(RecordHolder[]))]
internal sealed partial class RecordHolderJson : JsonSerializerContext;

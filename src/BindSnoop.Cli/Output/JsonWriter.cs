using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace BindSnoop.Cli.Output;

/// <summary>One JSON object a line.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The JSON writer holds nothing but memory.")]
internal abstract class JsonLines(OutputBuffer output)
{
    /// <summary>Escapes what JSON asks for and no more; what is unsafe to print was escaped before.</summary>
    private readonly Utf8JsonWriter _json = new(
        output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    protected Utf8JsonWriter BeginObject()
    {
        _json.Reset();
        _json.WriteStartObject();
        return _json;
    }

    protected void EndObject()
    {
        _json.WriteEndObject();
        _json.Flush();
        output.EndLine();
    }
}

/// <summary>
/// Events as JSON; the names are those of their properties. Left out is what would be looked up anew for each event (the
/// program's path, the service's name) or only says the same again (end points).
/// </summary>
internal sealed class EventJsonWriter(OutputBuffer output) : JsonLines(output), IEventWriter<TraceEvent>, IFieldReader
{
    private Utf8JsonWriter _json = null!;

    public void Begin()
    {
    }

    public void Write(TraceEvent next)
    {
        _json = BeginObject();
        next.GiveFields(this);
        EndObject();
    }

    public void Text(EventField field, string? value) => _json.WriteString(field.JsonName, value);

    public void Number(EventField field, long value) => _json.WriteNumber(field.JsonName, value);

    public void Id(EventField field, ulong value) => _json.WriteNumber(field.JsonName, value);

    public void Flag(EventField field, bool value) => _json.WriteBoolean(field.JsonName, value);

    public void Time(EventField field, DateTime value) => _json.WriteString(field.JsonName, value);

    public void Sockets(EventField field, IReadOnlyList<BindSocket>? value)
    {
        if (value is null)
        {
            _json.WriteNull(field.JsonName);
            return;
        }

        _json.WriteStartArray(field.JsonName);
        foreach (BindSocket socket in value)
        {
            _json.WriteStartObject();
            SocketJsonWriter.WriteProperties(_json, socket);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }
}

/// <summary>Counts as JSON; the names are those of <see cref="BindCount"/>.</summary>
internal sealed class CountJsonWriter(OutputBuffer output) : JsonLines(output)
{
    public void Write(IReadOnlyList<BindCount> counts)
    {
        foreach (BindCount count in counts)
        {
            Write(count);
        }
    }

    private void Write(BindCount count)
    {
        Utf8JsonWriter json = BeginObject();
        json.WriteString(nameof(count.Address), count.Address);
        json.WriteNumber(nameof(count.Port), count.Port);
        json.WriteString(nameof(count.Protocol), count.Protocol);
        json.WriteNumber(nameof(count.ProtocolNumber), count.ProtocolNumber);
        json.WriteString(nameof(count.AddressFamily), count.AddressFamily);
        json.WriteNumber(nameof(count.InterfaceIndex), count.InterfaceIndex);
        json.WriteNumber(nameof(count.ErrorCode), count.ErrorCode);
        json.WriteString(nameof(count.ErrorName), count.ErrorName);
        json.WriteNumber(nameof(count.Count), count.Count);
        EndObject();
    }
}

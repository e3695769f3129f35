using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace BindSnoop.Cli.Output;

/// <summary>
/// One JSON object a line; the names are those of properties. Of events is left out what would be looked up anew for
/// each (the program's path, the service's name) or only says the same again (end points).
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The JSON writer holds nothing but memory.")]
internal sealed class JsonWriter(OutputBuffer output) : IEventWriter<TraceEvent>, IFieldReader
{
    /// <summary>Escapes what JSON asks for and no more; what is unsafe to print was escaped before.</summary>
    private readonly Utf8JsonWriter _json = new(
        output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    public void Begin()
    {
    }

    public void Write(TraceEvent next)
    {
        BeginLine();
        next.GiveFields(this);
        EndLine();
    }

    /// <summary>Anything that is described.</summary>
    public void Write<T>(T next, Description<T> description)
    {
        BeginLine();
        description.Give(next, this);
        EndLine();
    }

    /// <summary>Each of them.</summary>
    public void WriteAll<T>(IEnumerable<T> all, Description<T> description)
    {
        foreach (T next in all)
        {
            Write(next, description);
        }
    }

    void IFieldReader.Text(Field field, string? value) => _json.WriteString(field.JsonName, value);

    void IFieldReader.Number(Field field, long value) => _json.WriteNumber(field.JsonName, value);

    void IFieldReader.Id(Field field, ulong value) => _json.WriteNumber(field.JsonName, value);

    void IFieldReader.Flag(Field field, bool value) => _json.WriteBoolean(field.JsonName, value);

    void IFieldReader.Time(Field field, DateTime value) => _json.WriteString(field.JsonName, value);

    void IFieldReader.Nothing(Field field) => _json.WriteNull(field.JsonName);

    void IFieldReader.Texts(Field field, IReadOnlyList<string> value)
    {
        _json.WriteStartArray(field.JsonName);
        foreach (string text in value)
        {
            _json.WriteStringValue(text);
        }

        _json.WriteEndArray();
    }

    void IFieldReader.Items<TItem>(Field field, IReadOnlyList<TItem> items, Description<TItem> description)
    {
        _json.WriteStartArray(field.JsonName);
        foreach (TItem item in items)
        {
            _json.WriteStartObject();
            description.Give(item, this);
            _json.WriteEndObject();
        }

        _json.WriteEndArray();
    }

    private void BeginLine()
    {
        _json.Reset();
        _json.WriteStartObject();
    }

    private void EndLine()
    {
        _json.WriteEndObject();
        _json.Flush();
        output.EndLine();
    }
}

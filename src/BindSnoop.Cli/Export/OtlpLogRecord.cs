using System.Collections;
using System.Globalization;

namespace BindSnoop.Cli.Export;

/// <summary>An event as the attributes of a log record, by OpenTelemetry's semantic conventions.</summary>
internal sealed class OtlpLogRecord : IReadOnlyList<KeyValuePair<string, object?>>, IFieldReader
{
    private readonly List<KeyValuePair<string, object?>> _attributes = [];

    public OtlpLogRecord(TraceEvent next)
    {
        Event = next;
        Add("event.name", $"bindsnoop.{next.Kind.Call}");
        next.GiveFields(this);
    }

    public TraceEvent Event { get; }

    public int Count => _attributes.Count;

    public KeyValuePair<string, object?> this[int index] => _attributes[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _attributes.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Text(Field field, string? value) => Add(field.Attribute, field.Form == AttributeForm.LowerCase ? value?.ToLowerInvariant() : value);

    public void Number(Field field, long value)
    {
        if (field.Form != AttributeForm.NonZero || value != 0)
        {
            Add(field.Attribute, field.Form == AttributeForm.Text ? value.ToString(CultureInfo.InvariantCulture) : value);
        }
    }

    public void Id(Field field, ulong value) => Add(field.Attribute, (long)value);

    public void Flag(Field field, bool value) => Add(field.Attribute, value);

    public void Time(Field field, DateTime value) => Add(field.Attribute, value);

    public void Nothing(Field field)
    {
    }

    /// <summary>Fields without a name here or without a value are left out.</summary>
    private void Add(string? name, object? value)
    {
        if (name is not null && value is not (null or ""))
        {
            _attributes.Add(new(name, value));
        }
    }
}

using System.Text.Json;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>How a field looks as an attribute of OpenTelemetry.</summary>
internal enum AttributeForm
{
    /// <summary>As it is.</summary>
    Plain,

    /// <summary>A text in lower case.</summary>
    LowerCase,

    /// <summary>A number as text.</summary>
    Text,

    /// <summary>A number that is left out if it is 0.</summary>
    NonZero,
}

/// <summary>Takes the values of an event's fields, one after another.</summary>
internal interface IFieldReader
{
    /// <summary>A text, which is safe to print; null: there is none.</summary>
    void Text(EventField field, string? value);

    /// <summary>A number.</summary>
    void Number(EventField field, long value);

    /// <summary>An id that may have all 64 bits.</summary>
    void Id(EventField field, ulong value);

    /// <summary>Yes or no.</summary>
    void Flag(EventField field, bool value);

    /// <summary>A local time.</summary>
    void Time(EventField field, DateTime value);

    /// <summary>Sockets, which only formats have that nest; null: there are none to speak of.</summary>
    void Sockets(EventField field, IReadOnlyList<BindSocket>? value)
    {
    }
}

/// <summary>A field of an event: what it is called in each place where events go.</summary>
/// <param name="name">The property's name, which JSON has too.</param>
internal abstract class EventField(string name)
{
    /// <summary>The property's name, which JSON has too.</summary>
    public string Name { get; } = name;

    /// <summary>The same, encoded once.</summary>
    public JsonEncodedText JsonName { get; } = JsonEncodedText.Encode(name);

    /// <summary>The attribute of a log record, by OpenTelemetry's semantic conventions; null: none.</summary>
    public string? Attribute { get; init; }

    /// <summary>What the attribute looks like.</summary>
    public AttributeForm Form { get; init; }
}

/// <summary>A field of one kind of event, with how to read it.</summary>
internal sealed class EventField<TEvent> : EventField
{
    private readonly Action<TEvent, EventField, IFieldReader> _give;

    private EventField(string name, Action<TEvent, EventField, IFieldReader> give)
        : base(name) =>
        _give = give;

    public static EventField<TEvent> Text(string name, Func<TEvent, string?> read, string? attribute = null, AttributeForm form = AttributeForm.Plain) =>
        new(name, (next, field, reader) => reader.Text(field, read(next))) { Attribute = attribute, Form = form };

    /// <summary>A text that follows from another alone, and takes longer to find than to remember.</summary>
    public static EventField<TEvent> Text(string name, Func<TEvent, string> from, Func<TEvent, string?> read, string? attribute = null)
    {
        LookUpCache<string, string> known = new(4096, Timeout.InfiniteTimeSpan);
        return Text(name, next => known.TryGet(from(next), out string? value) ? value : known.Remember(from(next), read(next)), attribute);
    }

    public static EventField<TEvent> Sockets(string name, Func<TEvent, IReadOnlyList<BindSocket>?> read) =>
        new(name, (next, field, reader) => reader.Sockets(field, read(next)));

    public static EventField<TEvent> Number(string name, Func<TEvent, long> read, string? attribute = null, AttributeForm form = AttributeForm.Plain) =>
        new(name, (next, field, reader) => reader.Number(field, read(next))) { Attribute = attribute, Form = form };

    public static EventField<TEvent> Id(string name, Func<TEvent, ulong> read) => new(name, (next, field, reader) => reader.Id(field, read(next)));

    public static EventField<TEvent> Flag(string name, Func<TEvent, bool> read) => new(name, (next, field, reader) => reader.Flag(field, read(next)));

    public static EventField<TEvent> Time(string name, Func<TEvent, DateTime> read) => new(name, (next, field, reader) => reader.Time(field, read(next)));

    /// <summary>Hands the value over.</summary>
    public void Give(TEvent next, IFieldReader reader) => _give(next, this, reader);
}

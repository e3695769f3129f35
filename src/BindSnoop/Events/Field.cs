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

/// <summary>A field of an output object, with its name in each format.</summary>
/// <param name="name">The property's name, which JSON has too.</param>
internal abstract class Field(string name)
{
    /// <summary>The property's name, which JSON has too.</summary>
    public string Name { get; } = name;

    /// <summary>The same, encoded once.</summary>
    public JsonEncodedText JsonName { get; } = JsonEncodedText.Encode(name);

    /// <summary>What stands above a column of it, in text and in views; null: it is in none.</summary>
    public string? Heading { get; init; }

    /// <summary>The attribute of a log record, by OpenTelemetry's semantic conventions; null: none.</summary>
    public string? Attribute { get; init; }

    /// <summary>What the attribute looks like.</summary>
    public AttributeForm Form { get; init; }
}

/// <summary>A field of one kind of thing, with how to read it.</summary>
internal sealed class Field<T> : Field
{
    private readonly Action<T, Field, IFieldReader> _give;

    private Field(string name, Action<T, Field, IFieldReader> give)
        : base(name) =>
        _give = give;

    public static Field<T> Text(
        string name, Func<T, string?> read, string? attribute = null, AttributeForm form = AttributeForm.Plain, string? heading = null) =>
        new(name, (next, field, reader) => reader.Text(field, read(next))) { Attribute = attribute, Form = form, Heading = heading };

    /// <summary>A text that follows from another alone, and takes longer to find than to remember.</summary>
    public static Field<T> Text(string name, Func<T, string> from, Func<T, string?> read, string? attribute = null)
    {
        LookUpCache<string, string> known = new(4096, Timeout.InfiniteTimeSpan);
        return Text(name, next => known.TryGet(from(next), out string? value) ? value : known.Remember(from(next), read(next)), attribute);
    }

    public static Field<T> Texts(string name, Func<T, IReadOnlyList<string>> read) => new(name, (next, field, reader) => reader.Texts(field, read(next)));

    public static Field<T> Number(
        string name, Func<T, long> read, string? attribute = null, AttributeForm form = AttributeForm.Plain, string? heading = null) =>
        new(name, (next, field, reader) => reader.Number(field, read(next))) { Attribute = attribute, Form = form, Heading = heading };

    public static Field<T> Number(string name, Func<T, long?> read, string? heading = null) =>
        new(name, (next, field, reader) => Give(read(next), field, reader, reader.Number)) { Heading = heading };

    public static Field<T> Id(string name, Func<T, ulong> read) => new(name, (next, field, reader) => reader.Id(field, read(next)));

    public static Field<T> Flag(string name, Func<T, bool> read) => new(name, (next, field, reader) => reader.Flag(field, read(next)));

    public static Field<T> Flag(string name, Func<T, bool?> read, string? heading = null) =>
        new(name, (next, field, reader) => Give(read(next), field, reader, reader.Flag)) { Heading = heading };

    public static Field<T> Time(string name, Func<T, DateTime> read, string? heading = null) =>
        new(name, (next, field, reader) => reader.Time(field, read(next))) { Heading = heading };

    public static Field<T> Time(string name, Func<T, DateTime?> read, string? heading = null) =>
        new(name, (next, field, reader) => Give(read(next), field, reader, reader.Time)) { Heading = heading };

    /// <summary>Things with fields of their own; null: there are none to speak of.</summary>
    public static Field<T> Items<TItem>(string name, Func<T, IReadOnlyList<TItem>?> read, Func<Description<TItem>> description, string? heading = null) =>
        new(name, (next, field, reader) =>
        {
            if (read(next) is { } items)
            {
                reader.Items(field, items, description());
            }
            else
            {
                reader.Nothing(field);
            }
        })
        {
            Heading = heading,
        };

    /// <summary>Hands the value over.</summary>
    public void Give(T next, IFieldReader reader) => _give(next, this, reader);

    private static void Give<TValue>(TValue? value, Field field, IFieldReader reader, Action<Field, TValue> give)
        where TValue : struct
    {
        if (value is { } known)
        {
            give(field, known);
        }
        else
        {
            reader.Nothing(field);
        }
    }
}

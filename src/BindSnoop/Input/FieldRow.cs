namespace BindSnoop.Input;

/// <summary>An output object, by the names of its fields.</summary>
internal sealed class FieldRow : InputRow, IFieldReader
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>An event.</summary>
    public static FieldRow Of(TraceEvent next)
    {
        FieldRow row = new();
        next.GiveFields(row);
        return row;
    }

    /// <summary>Anything that is described.</summary>
    public static FieldRow Of<T>(T next, Description<T> description)
    {
        FieldRow row = new();
        description.Give(next, row);
        return row;
    }

    /// <inheritdoc/>
    public override bool TryGet(string name, out object? value) => _values.TryGetValue(name, out value);

    /// <inheritdoc/>
    public override IReadOnlyList<InputRow> Items(string name) => _values.GetValueOrDefault(name) as IReadOnlyList<InputRow> ?? [];

    void IFieldReader.Text(Field field, string? value) => _values[field.Name] = value;

    void IFieldReader.Number(Field field, long value) => _values[field.Name] = value;

    void IFieldReader.Id(Field field, ulong value) => _values[field.Name] = value;

    void IFieldReader.Flag(Field field, bool value) => _values[field.Name] = value;

    void IFieldReader.Time(Field field, DateTime value) => _values[field.Name] = value;

    void IFieldReader.Nothing(Field field) => _values[field.Name] = null;

    void IFieldReader.Items<TItem>(Field field, IReadOnlyList<TItem> items, Description<TItem> description) =>
        _values[field.Name] = items.Select(InputRow (item) => Of(item, description)).ToArray();
}

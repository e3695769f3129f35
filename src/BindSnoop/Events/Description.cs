namespace BindSnoop;

/// <summary>Describes the fields of an output object once: JSON, text, views and OpenTelemetry follow from it.</summary>
internal abstract class Description
{
    /// <summary>The fields, in the order of JSON.</summary>
    public abstract IReadOnlyList<Field> Fields { get; }

    /// <summary>What stands above the columns of text for such a use.</summary>
    public abstract IEnumerable<string> Headings(ColumnUse use);
}

/// <summary>What one kind of thing consists of.</summary>
internal sealed class Description<T>(IReadOnlyList<Field<T>> fields, IReadOnlyList<TextColumn<T>> columns) : Description
{
    private readonly Field<T>[] _fields = [.. fields];
    private readonly Dictionary<string, Field<T>> _byName = fields.ToDictionary(f => f.Name);

    /// <inheritdoc/>
    public override IReadOnlyList<Field> Fields => _fields;

    /// <summary>What is said of it in a line below its own, if anything is.</summary>
    public Func<T, string?>? Note { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<string> Headings(ColumnUse use) => ColumnsFor(use).Select(HeadingOf);

    /// <summary>The columns of text, in their order, for such a use.</summary>
    public IEnumerable<TextColumn<T>> ColumnsFor(ColumnUse use) => columns.Where(c => use.HasFlag(c.Use));

    /// <summary>The field that a column shows.</summary>
    public Field<T> FieldOf(TextColumn<T> column) => _byName[column.Field];

    /// <summary>What stands above a column.</summary>
    public string HeadingOf(TextColumn<T> column) =>
        column.Heading ?? FieldOf(column).Heading ?? throw new InvalidOperationException($"{column.Field} is in a column, and has no heading.");

    /// <summary>Hands over the values, in the order of the fields.</summary>
    public void Give(T next, IFieldReader reader)
    {
        foreach (Field<T> field in _fields)
        {
            field.Give(next, reader);
        }
    }
}

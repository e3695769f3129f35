namespace BindSnoop;

/// <summary>Takes the values of fields, one after another.</summary>
internal interface IFieldReader
{
    /// <summary>A text, which is safe to print; null: there is none.</summary>
    void Text(Field field, string? value);

    /// <summary>A number.</summary>
    void Number(Field field, long value);

    /// <summary>An id that may have all 64 bits.</summary>
    void Id(Field field, ulong value);

    /// <summary>Yes or no.</summary>
    void Flag(Field field, bool value);

    /// <summary>A local time.</summary>
    void Time(Field field, DateTime value);

    /// <summary>There is no value; texts can be null themselves.</summary>
    void Nothing(Field field);

    /// <summary>Texts, which only formats have that nest.</summary>
    void Texts(Field field, IReadOnlyList<string> value)
    {
    }

    /// <summary>Things with fields of their own, which only formats have that nest.</summary>
    void Items<TItem>(Field field, IReadOnlyList<TItem> items, Description<TItem> description)
    {
    }
}

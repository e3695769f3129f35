namespace BindSnoop.Records;

/// <summary>The content of a row of <see cref="RecordTuples{T}"/>.</summary>
internal interface IRecordTuple
{
    /// <summary>The table.</summary>
    static abstract string Table { get; }

    /// <summary>Puts a row in; its first two parameters are the number and the time.</summary>
    static abstract string Insert { get; }

    /// <summary>Sets the other parameters of <see cref="Insert"/>.</summary>
    void Bind(RecordStatement insert);
}

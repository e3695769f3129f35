namespace BindSnoop.Records;

/// <summary>How much a record keeps.</summary>
/// <param name="Time">How long.</param>
/// <param name="Bytes">How much.</param>
internal sealed record RecordLimits(TimeSpan Time, long Bytes)
{
    /// <summary>The least that <see cref="Bytes"/> may be: below, a record would be mostly what is dropped as a whole.</summary>
    public const long LeastBytes = 16 << 20;
}

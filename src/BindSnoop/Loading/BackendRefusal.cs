namespace BindSnoop;

/// <summary>A back end that was not taken, though it was one of the first to think of.</summary>
/// <param name="Backend">Which one.</param>
/// <param name="Error">Why.</param>
public sealed record BackendRefusal(Backend Backend, TraceException Error)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Backend}: {Error.Message}";
}

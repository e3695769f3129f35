namespace BindSnoop;

/// <summary>
/// Whether a back end was seen to work: calls that this process made itself, whose every detail it knows, were compared with
/// what arrived of them. They are in no output and in no count.
/// </summary>
/// <param name="Proven">True if all calls were reported correctly, false if not, null if none could be made.</param>
/// <param name="Reason">Why it is not proven, or what of it; empty if nothing is left to say, or if such calls are never tried.</param>
/// <param name="Compared">What was compared.</param>
public sealed record TraceProof(bool? Proven, string Reason, IReadOnlyList<ComparedField> Compared)
{
    /// <summary>How many calls were compared.</summary>
    public int Calls => Compared.Select(c => c.Call).Distinct().Count();

    /// <inheritdoc/>
    public override string ToString() => Proven switch
    {
        true when Reason.Length > 0 => $"Proven by {Calls} calls; others could not be made: {Reason}",
        true => $"Proven by {Calls} calls.",
        false => $"Does not work: {Reason}",
        null when Reason.Length > 0 => $"Not proven: {Reason}",
        null => "Not proven: there are no test calls for this.",
    };
}

/// <summary>One field of a call made for a <see cref="TraceProof"/>.</summary>
/// <param name="Call">Which call.</param>
/// <param name="Field">The field's name, as events show it.</param>
/// <param name="Expected">The expected value.</param>
/// <param name="Seen">What arrived.</param>
public sealed record ComparedField(string Call, string Field, string Expected, string Seen)
{
    /// <summary>Whether both are the same.</summary>
    public bool IsSame => Expected == Seen;
}

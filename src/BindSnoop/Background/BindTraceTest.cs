namespace BindSnoop;

/// <summary>Whether a trace that runs was seen to work.</summary>
public sealed class BindTraceTest
{
    internal BindTraceTest(string name, BindTraceMode mode, Backend backend, TraceProof proof)
    {
        Name = name;
        Mode = mode;
        Backend = backend;
        Proven = proof.Proven;
        Calls = proof.Calls;
        Fields = [.. proof.Compared.Select(c => c.Field).Distinct()];
        Compared = proof.Compared;
        Reason = proof.Reason;
    }

    /// <summary>When it was tested, in local time.</summary>
    public DateTime Time { get; } = DateTime.Now;

    /// <summary>The trace's name.</summary>
    public string Name { get; }

    /// <summary>What it collects.</summary>
    public BindTraceMode Mode { get; }

    /// <summary>Its back end.</summary>
    public Backend Backend { get; }

    /// <summary>True if all calls were reported correctly, false if not, null if none could be made.</summary>
    public bool? Proven { get; }

    /// <summary>How many calls were compared.</summary>
    public int Calls { get; }

    /// <summary>What of them was compared, by the names that events have.</summary>
    public IReadOnlyList<string> Fields { get; }

    /// <summary>Why it is not proven, or what of it; empty if nothing is left to say.</summary>
    public string Reason { get; }

    /// <summary>Everything that was compared.</summary>
    public IReadOnlyList<ComparedField> Compared { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {new TraceProof(Proven, Reason, Compared)}";
}

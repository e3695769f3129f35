namespace BindSnoop;

/// <summary>What a background trace collects.</summary>
public enum BindTraceMode
{
    /// <summary>Every event, in a queue.</summary>
    Event,

    /// <summary>Only counts, kept in the kernel.</summary>
    Count,
}

namespace BindSnoop;

/// <summary>What a background trace is doing.</summary>
public enum BindTraceState
{
    /// <summary>Attached and collecting.</summary>
    Running,

    /// <summary>Detached; what was collected is still there.</summary>
    Stopped,

    /// <summary>Ended by an error.</summary>
    Failed,

    /// <summary>Gone, with everything it had collected.</summary>
    Removed,
}

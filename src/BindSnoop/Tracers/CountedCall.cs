namespace BindSnoop;

/// <summary>Which calls are counted.</summary>
public enum CountedCall
{
    /// <summary>Calls of bind().</summary>
    Bind,

    /// <summary>Calls of listen().</summary>
    Listen,
}

namespace BindSnoop;

/// <summary>Which calls are counted.</summary>
public enum CountedCall
{
    /// <summary>Of bind().</summary>
    Bind,

    /// <summary>Of listen().</summary>
    Listen,
}

namespace BindSnoop;

/// <summary>Which call a rule of a policy is about.</summary>
public enum BindPolicyCall
{
    /// <summary>Calls of bind().</summary>
    Bind,

    /// <summary>Calls of listen().</summary>
    Listen,
}

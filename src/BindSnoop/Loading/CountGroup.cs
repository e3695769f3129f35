namespace BindSnoop;

/// <summary>What counts can be summed by.</summary>
public enum CountGroup
{
    /// <summary>The address bound, or that was refused.</summary>
    Address,

    /// <summary>The port bound, or that was refused.</summary>
    Port,

    /// <summary>The protocol.</summary>
    Protocol,

    /// <summary>The name of the calling thread.</summary>
    Comm,

    /// <summary>The caller's real user.</summary>
    User,

    /// <summary>The caller's systemd unit, of the system and of a user.</summary>
    Unit,

    /// <summary>The caller's container.</summary>
    Container,

    /// <summary>The caller's Kubernetes pod.</summary>
    Pod,
}

namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth release</c>.</summary>
public sealed record ReleaseLine : CallLine
{
    public string Address { get; init; } = "";

    public int Port { get; init; }

    public string State { get; init; } = "";

    public bool Implicit { get; init; }

    public bool? TimeWait { get; init; }

    public long? BoundLeast { get; init; }

    public long? BoundMost { get; init; }

    /// <summary>Whether the bind can be seen, too.</summary>
    public bool BoundSeen { get; init; } = true;

    public bool V6Only { get; init; }

    public string Options { get; init; } = "";

    public override string ToString() => $"{Type} {Protocol} {Address}:{Port} {State} by {Call}";
}

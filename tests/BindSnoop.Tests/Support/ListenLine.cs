namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth listen</c>.</summary>
public sealed record ListenLine : CallLine
{
    public string? Address { get; init; }

    public int? Port { get; init; }

    public int? Backlog { get; init; }

    public long? Limit { get; init; }

    public bool AtLimit { get; init; }

    public bool Implicit { get; init; }

    public bool Chosen { get; init; }

    public bool Already { get; init; }

    public bool V6Only { get; init; }

    public string Options { get; init; } = "";

    public override string ToString() =>
        $"{Type ?? "no socket"} {Protocol} {Address}:{Port} backlog {Backlog} {Via} = {ErrorName ?? "0"}";
}

namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth run</c>.</summary>
public sealed record TruthLine : CallLine
{
    public string? RequestedAddress { get; init; }

    public int? RequestedPort { get; init; }

    public uint ScopeId { get; init; }

    public int AddressLength { get; init; }

    public string? Address { get; init; }

    public int? Port { get; init; }

    public bool V6OnlyAfter { get; init; }

    public string Options { get; init; } = "";

    public override string ToString() =>
        $"{Type ?? "no socket"} {Protocol} {RequestedAddress}:{RequestedPort} length {AddressLength} {Via} = {ErrorName ?? "0"}";
}

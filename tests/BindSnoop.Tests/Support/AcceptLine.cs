namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth accept</c>.</summary>
public sealed record AcceptLine : CallLine
{
    public string? LocalAddress { get; init; }

    public int? LocalPort { get; init; }

    public string? RemoteAddress { get; init; }

    public int? RemotePort { get; init; }

    public override string ToString() =>
        $"{Type ?? "no socket"} {Protocol} {LocalAddress}:{LocalPort} from {RemoteAddress}:{RemotePort} {Via} = {ErrorName ?? "0"}";
}

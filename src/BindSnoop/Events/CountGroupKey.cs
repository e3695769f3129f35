namespace BindSnoop;

/// <summary>What the calls of a <see cref="BindCountGroup"/> have in common; null is what they are not grouped by, or what is not known.</summary>
internal sealed record CountGroupKey
{
    public string? Address { get; init; }

    public int? Port { get; init; }

    public string? Protocol { get; init; }

    public string? Comm { get; init; }

    public uint? Uid { get; init; }

    public string? Unit { get; init; }

    public string? UserUnit { get; init; }

    public string? ContainerId { get; init; }

    public string? UserContainerId { get; init; }

    public string? ContainerName { get; init; }

    public string? ContainerRuntime { get; init; }

    public string? PodName { get; init; }

    public string? PodNamespace { get; init; }
}

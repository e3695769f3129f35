namespace BindSnoop.Loading;

/// <summary>
/// What a tracer hooks by programs of the cgroup, and by others for what those do not see of successes. The latter
/// are named as <see cref="TracerDefinition"/> has it, those of <paramref name="NoPortFunctions"/> with
/// <see cref="NoPortSuffix"/>.
/// </summary>
/// <param name="Entries">Programs that run where a call begins: they note down what was requested.</param>
/// <param name="Returns">Programs that run once it has succeeded.</param>
/// <param name="OwnFunctions">Functions of protocols that bind by themselves, without the cgroup's programs.</param>
/// <param name="NoPortFunctions">Functions at whose return the entries' IP_BIND_ADDRESS_NO_PORT with port 0 is reported.</param>
/// <param name="Blind">What these programs do not see, if none stand beside them; null: what is to stand there is chosen by what is requested.</param>
internal sealed record CgroupDefinition(
    IReadOnlyList<string> Entries,
    IReadOnlyList<string> Returns,
    IReadOnlyList<string> OwnFunctions,
    IReadOnlyList<string> NoPortFunctions,
    string? Blind = null)
{
    public const string NoPortSuffix = "__no_port";
}

using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the containers that run, by name, else by id.</summary>
public sealed class ContainerCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from owner in Cgroups.Owners()
        let id = owner.Owner.ContainerId is { Length: > 0 } system ? system : owner.Owner.UserContainerId!
        where id.Length > 0
        group Containers.Of(owner.Path)?.Name by id into same
        let name = same.FirstOrDefault(n => n is { Length: > 0 })
        orderby name
        select new Offer(name ?? same.Key, $"container {same.Key}");
}

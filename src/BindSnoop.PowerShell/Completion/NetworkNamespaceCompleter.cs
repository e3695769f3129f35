using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the network namespaces that have names.</summary>
public sealed class NetworkNamespaceCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        NetworkNamespaces.Names.Select(name => new Offer(name, "network namespace"))
            .Append(new(NetworkNamespaces.Host, "the host's")).Append(new("/proc/self/ns/net", "this process's own"));
}

using BindSnoop.Sockets;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the states of sockets.</summary>
public sealed class SocketStateCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        SocketSelection.States.Select(state => new Offer(state, SocketSelection.HolderStates.Contains(state) ? "shown by default" : "of connections"));
}

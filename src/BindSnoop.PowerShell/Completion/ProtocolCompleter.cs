using BindSnoop.Names;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers protocol names.</summary>
public sealed class ProtocolCompleter : WordCompleter
{
    private static readonly string[] s_usual = ["TCP", "UDP", "MPTCP", "SCTP", "UDPLITE", "ICMP", "ICMPV6", "DCCP"];

    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        s_usual.Concat(word.Length == 0 ? [] : Protocols.Names.Except(s_usual).Order(StringComparer.Ordinal))
            .Select(name => new Offer(name, $"protocol {Protocols.Parse(name)}"));
}

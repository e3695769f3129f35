using System.Net.NetworkInformation;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the addresses of this machine.</summary>
public sealed class AddressCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        new Offer[] { new("0.0.0.0", "any IPv4 address"), new("::", "any IPv6 address") }.Concat(
            from network in NetworkInterface.GetAllNetworkInterfaces()
            from address in network.GetIPProperties().UnicastAddresses
            let text = address.Address.ToString().Split('%')[0]
            select new Offer(text, $"{network.Name}, {text}/{address.PrefixLength}"));
}

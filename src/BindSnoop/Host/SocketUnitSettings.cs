using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>What matters of the files of a <c>.socket</c> unit: systemd.socket(5), in the syntax of systemd.syntax(7).</summary>
internal sealed partial class SocketUnitSettings
{
    private const int Tcp = 6;
    private const int Udp = 17;

    private static readonly string[] s_yes = ["1", "yes", "y", "true", "t", "on"];
    private static readonly string[] s_no = ["0", "no", "n", "false", "f", "off"];

    // The protocols that SocketProtocol= knows.
    private static readonly Dictionary<string, int> s_protocols = new() { ["udplite"] = 136, ["sctp"] = 132, ["mptcp"] = Protocols.Mptcp };

    private readonly List<(bool IsStream, string Value)> _listens = [];
    private string? _service;
    private bool _accepts;
    private string _protocol = "";

    /// <summary>Reads one more file, which changes what those before it say.</summary>
    public void Apply(byte[] content)
    {
        string section = "";
        foreach (string line in Encoding.UTF8.GetString(content).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n').Select(l => l.Trim()))
        {
            if (line.StartsWith('['))
            {
                section = line;
            }
            else if (section == "[Socket]" && line.Split('=', 2) is [var name, var value])
            {
                Set(name.TrimEnd(), value.Trim());
            }
        }
    }

    /// <summary>The service that is started for a unit; null if that is not known.</summary>
    /// <param name="stem">The unit's name without its suffix.</param>
    public string? ServiceOf(string stem) =>

        // One instance for each connection; systemd.socket(5).
        _accepts ? $"{stem}{(stem.Contains('@', StringComparison.Ordinal) ? "" : "@")}.service"
        : _service is null ? $"{stem}.service"
        : ServiceName().IsMatch(_service) ? _service
        : null;

    /// <summary>Whether the unit has a socket of that protocol on that port; null if that is not known.</summary>
    public bool? ListensOn(int protocol, int port)
    {
        bool isKnown = true;
        foreach ((bool isStream, string value) in _listens)
        {
            Match match = Port().Match(value);
            if (!match.Success)
            {
                // Neither a path, whatever its specifiers stand for, nor a name without one.
                isKnown &= value is ['/' or '@', ..] || value.Contains('/', StringComparison.Ordinal) || value.StartsWith("vsock:", StringComparison.Ordinal);
            }
            else if (int.Parse(match.Groups["port"].ValueSpan, CultureInfo.InvariantCulture) == port && IsOf(protocol, isStream))
            {
                return true;
            }
        }

        return isKnown ? false : null;
    }

    private bool IsOf(int protocol, bool isStream) =>
        s_protocols.TryGetValue(_protocol, out int other) ? protocol == other : protocol == (isStream ? Tcp : Udp);

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "Service" when value.Length > 0:
                _service = value;
                break;
            case "Accept" when s_yes.Contains(value, StringComparer.OrdinalIgnoreCase):
                _accepts = true;
                break;
            case "Accept" when s_no.Contains(value, StringComparer.OrdinalIgnoreCase):
                _accepts = false;
                break;
            case "SocketProtocol":
                _protocol = value;
                break;

            // Nothing takes back all that was said before, of either kind.
            case "ListenStream" or "ListenDatagram" when value.Length == 0:
                _listens.Clear();
                break;
            case "ListenStream" or "ListenDatagram":
                _listens.Add((name == "ListenStream", value));
                break;
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9:_.\\@-]+\.service$")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"^(?:\[[0-9A-Fa-f:.]+\]:|[0-9.]+:)?(?<port>[0-9]{1,5})(?:%[^/%]+)?$")]
    private static partial Regex Port();
}

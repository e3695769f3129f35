using System.CommandLine;
using System.Globalization;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop.Cli.Commands;

/// <summary>The options that say what to trace.</summary>
/// <param name="call">The calls that they are of.</param>
internal sealed class FilterOptions(FilteredCall call)
{
    private readonly Option<string[]> _processId = List("--pid", "PID[,PID...]", "Only these processes", ["-p"]);
    private readonly Option<string[]> _port = List("--port", "PORT[,PORT...]", call switch
    {
        FilteredCall.Accept => "Only these local ports; a range is 8000-8999",
        FilteredCall.Listen or FilteredCall.Release => "Only these ports; a range is 8000-8999",
        _ => "Only these ports, requested or resulting; a range is 8000-8999",
    }, ["-P"]);
    private readonly Option<string[]> _uid = List("--uid", "USER[,USER...]", "Only these users, by number or name", ["-u"]);
    private readonly Option<string[]> _protocol = List("--protocol", "NAME[,NAME...]", "Only these protocols: TCP, UDP, MPTCP, ... or numbers", [], "TCP", "UDP", "UDPLITE", "ICMP", "ICMPV6", "MPTCP", "SCTP");
    private readonly Option<string[]> _address = List("--address", "ADDR[,ADDR...]", call switch
    {
        FilteredCall.Accept => "Only these local addresses or CIDR prefixes",
        FilteredCall.Listen or FilteredCall.Release => "Only these addresses or CIDR prefixes",
        _ => "Only these addresses or CIDR prefixes, requested or resulting",
    });
    private readonly Option<bool> _requestedOnly = new("--requested-only") { Description = "Leave out binds to port 0, whose port the kernel chooses" };
    private readonly Option<string[]> _remotePort = List("--remote-port", "PORT[,PORT...]", "Only these ports of peers");
    private readonly Option<string[]> _remoteAddress = List("--remote-address", "ADDR[,ADDR...]", "Only these addresses or CIDR prefixes of peers");
    private readonly Option<string[]> _comm = List("--comm", "NAME", "Only threads of this name (may be repeated)");
    private readonly Option<string[]> _family = List("--family", "FAMILY", "Only sockets of this IP version: IPv4 or IPv6", [], "IPv4", "IPv6");
    private readonly Option<bool> _ipv4 = new("--ipv4", "-4") { Description = "Only IPv4 sockets" };
    private readonly Option<bool> _ipv6 = new("--ipv6", "-6") { Description = "Only IPv6 sockets" };
    private readonly Option<string[]> _cgroup = List("--cgroup", "PATH", "Only this cgroup and those below it (may be repeated)");
    private readonly Option<string[]> _unit = List("--unit", "UNIT", "Only this running unit of the system's systemd, through restarts (may be repeated)");
    private readonly Option<string[]> _container = List("--container", "CONTAINER", "Only this container, by name, id or its first 12 digits, through restarts (may be repeated)");
    private readonly Option<string[]> _netns = NetworkNamespace();
    private readonly Option<string?> _cgroupMap = new("--cgroupmap") { HelpName = "MAPPATH", Description = "Only cgroups in this pinned BPF map" };
    private readonly Option<string?> _mountNamespaceMap = new("--mntnsmap") { HelpName = "MAPPATH", Description = "Only mount namespaces in this pinned BPF map" };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _processId, _port, _requestedOnly, _uid, _protocol, _address, _remotePort, _remoteAddress, _comm, _family, _ipv4, _ipv6, _cgroup, _unit, _container,
            _netns, _cgroupMap, _mountNamespaceMap,
        })
        {
            bool isOfAccept = option == _remotePort || option == _remoteAddress;
            bool isOfOthers = option == _protocol;
            bool isOfBind = option == _requestedOnly;
            if (call switch
            {
                FilteredCall.Accept => !isOfOthers && !isOfBind,
                FilteredCall.Listen or FilteredCall.Release => !isOfAccept && !isOfBind,
                _ => !isOfAccept,
            })
            {
                command.Add(option);
            }
        }
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    public TraceFilter Read(ParseResult parsed, bool includeError) => new()
    {
        ProcessId = Values(parsed, _processId, ParseProcessId),
        Port = Values(parsed, _port, PortRange.Parse),
        RequestedOnly = parsed.GetValue(_requestedOnly),
        Uid = Values(parsed, _uid, Users.Parse),
        Protocol = Values(parsed, _protocol, Protocols.Parse),
        Address = Values(parsed, _address, AddressPrefix.Parse),
        RemotePort = Values(parsed, _remotePort, PortRange.Parse),
        RemoteAddress = Values(parsed, _remoteAddress, AddressPrefix.Parse),
        Comm = parsed.GetValue(_comm) ?? [],
        AddressFamily =
        [
            .. Values(parsed, _family, ParseFamily),
            .. parsed.GetValue(_ipv4) ? [IPFamily.IPv4] : Array.Empty<IPFamily>(),
            .. parsed.GetValue(_ipv6) ? [IPFamily.IPv6] : Array.Empty<IPFamily>(),
        ],
        Cgroup = parsed.GetValue(_cgroup) ?? [],
        Unit = parsed.GetValue(_unit) ?? [],
        Container = parsed.GetValue(_container) ?? [],
        NetworkNamespace = NetworkNamespace(parsed, _netns),
        CgroupMap = parsed.GetValue(_cgroupMap),
        MountNamespaceMap = parsed.GetValue(_mountNamespaceMap),
        IncludeError = includeError,
    };

    internal static Option<string[]> List(
        string name, string valueName, string description, string[]? aliases = null, params string[] values)
    {
        Option<string[]> option = new(name, aliases ?? []) { HelpName = valueName, Description = description, Arity = ArgumentArity.OneOrMore };
        option.CompletionSources.Add(values);
        return option;
    }

    internal static T[] Values<T>(ParseResult parsed, Option<string[]> option, Func<string, T> parse) =>
        [.. (parsed.GetValue(option) ?? []).SelectMany(list => list.Split(',')).Select(text => UsageException.For(parse, text))];

    internal static Option<string[]> NetworkNamespace() =>
        List("--netns", "NETNS", "Only this network namespace: inode number, name of 'ip netns', path, or Host (may be repeated)");

    // A path may have commas in it.
    internal static uint[] NetworkNamespace(ParseResult parsed, Option<string[]> option) =>
        [.. (parsed.GetValue(option) ?? []).Select(text => UsageException.For(NetworkNamespaces.Parse, text))];

    internal static uint ParseProcessId(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id > 0
            ? (uint)id
            : throw new TraceException(
                "InvalidProcessId",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(text)}' is not a process id.",
                "Give a number, as 'pgrep NAME' prints.",
                text);

    internal static IPFamily ParseFamily(string text) => text.ToUpperInvariant() switch
    {
        "IPV4" or "INET" or "4" => IPFamily.IPv4,
        "IPV6" or "INET6" or "6" => IPFamily.IPv6,
        _ => throw new TraceException(
            "InvalidAddressFamily",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is not an IP version.",
            "Give IPv4 or IPv6.",
            text),
    };
}

using System.CommandLine;
using BindSnoop.Cli.Output;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.Sockets;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop sockets</c>: what is bound now, in all network namespaces, and who holds it.</summary>
internal sealed class SocketsCommand
{
    private readonly Option<string[]> _port = FilterOptions.List("--port", "PORT[,PORT...]", "Only these ports; a range is 8000-8999", ["-P"]);
    private readonly Option<string[]> _address = FilterOptions.List("--address", "ADDR[,ADDR...]", "Only these addresses or CIDR prefixes");
    private readonly Option<string[]> _protocol = FilterOptions.List("--protocol", "NAME[,NAME...]", "Only these protocols: TCP, UDP, MPTCP, ... or numbers", [], "TCP", "UDP", "UDPLITE", "ICMP", "ICMPV6", "MPTCP", "SCTP");
    private readonly Option<string[]> _processId = FilterOptions.List("--pid", "PID[,PID...]", "Only sockets held by these processes", ["-p"]);
    private readonly Option<string[]> _uid = FilterOptions.List("--uid", "USER[,USER...]", "Only sockets created by these users, by number or name", ["-u"]);
    private readonly Option<string[]> _comm = FilterOptions.List("--comm", "NAME", "Only sockets held by processes of this name (may be repeated)");
    private readonly Option<string[]> _cgroup = FilterOptions.List("--cgroup", "PATH", "Only sockets held by processes in this cgroup or below it (may be repeated)");
    private readonly Option<string[]> _unit = FilterOptions.List("--unit", "UNIT", "Only sockets held by this unit of the system's systemd (may be repeated)");
    private readonly Option<string[]> _container = FilterOptions.List("--container", "CONTAINER", "Only sockets held by this container, by name, id or its first 12 digits (may be repeated)");
    private readonly Option<string[]> _netns = FilterOptions.NetworkNamespace();
    private readonly Option<string[]> _family = FilterOptions.List("--family", "FAMILY", "Only sockets of this IP version: IPv4 or IPv6", [], "IPv4", "IPv6");
    private readonly Option<bool> _ipv4 = new("--ipv4", "-4") { Description = "Only IPv4 sockets" };
    private readonly Option<bool> _ipv6 = new("--ipv6", "-6") { Description = "Only IPv6 sockets" };
    private readonly Option<string[]> _state = FilterOptions.List("--state", "STATE[,STATE...]", "Only these states: Listen, Bound, Established, TimeWait, ...", [], [.. SocketSelection.States]);
    private readonly Option<bool> _all = new("--all", "-a") { Description = "Also list connections, open and closed" };
    private readonly Option<bool> _wide = new("--wide", "-w") { Description = "Print addresses in full, the remote end, the network namespace, and every holder" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line" };

    private SocketsCommand()
    {
    }

    public static Command Create()
    {
        SocketsCommand sockets = new();
        Command command = new("sockets", "List bound sockets and the processes that hold them, in all network namespaces")
        {
            sockets._port, sockets._address, sockets._protocol, sockets._processId, sockets._uid, sockets._comm, sockets._cgroup, sockets._unit, sockets._container, sockets._netns,
            sockets._family, sockets._ipv4, sockets._ipv6, sockets._state, sockets._all, sockets._wide, sockets._json,
        };
        command.SetAction(sockets.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        SocketSnapshot snapshot = SocketSnapshot.Take(ReadFilter(parsed));
        foreach (string unseen in snapshot.Unseen)
        {
            Messages.Write(unseen);
        }

        OutputBuffer output = new(StandardStream.Output);
        try
        {
            if (parsed.GetValue(_json))
            {
                new JsonWriter(output).WriteAll(snapshot.Sockets, BindSocket.Description);
            }
            else
            {
                new TextTable<BindSocket>(output, BindSocket.Description, parsed.GetValue(_wide) ? ColumnUse.Wide : ColumnUse.Narrow).Write(snapshot.Sockets);
            }

            output.Flush();
        }
        catch (ReaderGoneException)
        {
        }

        return ExitStatus.Success;
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    private SocketFilter ReadFilter(ParseResult parsed) => new()
    {
        Port = FilterOptions.Values(parsed, _port, PortRange.Parse),
        Address = FilterOptions.Values(parsed, _address, AddressPrefix.Parse),
        Protocol = FilterOptions.Values(parsed, _protocol, Protocols.Parse),
        ProcessId = FilterOptions.Values(parsed, _processId, FilterOptions.ParseProcessId),
        Uid = FilterOptions.Values(parsed, _uid, Users.Parse),
        Comm = parsed.GetValue(_comm) ?? [],
        Cgroup = parsed.GetValue(_cgroup) ?? [],
        Unit = parsed.GetValue(_unit) ?? [],
        Container = parsed.GetValue(_container) ?? [],
        NetworkNamespace = FilterOptions.NetworkNamespace(parsed, _netns),
        AddressFamily =
        [
            .. FilterOptions.Values(parsed, _family, FilterOptions.ParseFamily),
            .. parsed.GetValue(_ipv4) ? [IPFamily.IPv4] : Array.Empty<IPFamily>(),
            .. parsed.GetValue(_ipv6) ? [IPFamily.IPv6] : Array.Empty<IPFamily>(),
        ],
        State = FilterOptions.Values(parsed, _state, SocketSelection.StateOf),
        All = parsed.GetValue(_all),
    };
}

using System.Net;
using BindSnoop.Abi;
using BindSnoop.Errors;

namespace BindSnoop.Proving;

/// <summary>
/// Calls of bind() with every address family, port and option once so and once otherwise, and failures where they are asked
/// for.
/// </summary>
internal sealed class BindProver(TraceFilter filter, bool isCounting) : Prover(filter, isCounting)
{
    private readonly TraceFilter _filter = filter;
    private int _freePort;

    protected override IEnumerable<Action> Cases
    {
        get
        {
            yield return ChosenPort;
            yield return NamedPort;

            // The cgroup's programs do not see it; others may stand beside them.
            if (HasPrograms("__no_port") || Hooks("inet_bind") || Hooks("bind"))
            {
                yield return NoPort;
            }

            yield return IPv6;
            if (_filter.IncludeError && (Hooks("__sys_bind") || Hooks("bind")))
            {
                yield return NoSocket;
            }
        }
    }

    protected override byte[] Example => IsCounting
        ? SampleBytes.Of(new BindCountKey { AddressFamily = (ushort)IPFamily.IPv4 })
        : SampleBytes.Of(new BindSample { AddressFamily = (ushort)IPFamily.IPv4 });

    protected override void Compare(byte[] sample, KnownCall call, CallComparison comparison)
    {
        if (IsCounting)
        {
            comparison.SameCount(sample, By);
            return;
        }

        BindEvent seen = new(SampleBytes.As<BindSample>(sample), Context);
        comparison.SameEvent(seen);
        comparison.SameEnd(nameof(seen.Address), nameof(seen.Port), call.Local, seen.Address, seen.Port);

        // A program of the kernel's may have put another in its place, which only some back ends get to see.
        bool isReplaced = call.Error == 0 && seen.RequestedAddress == call.Local.Address.ToString();
        comparison.SameEnd(
            nameof(seen.RequestedAddress),
            nameof(seen.RequestedPort),
            isReplaced ? new IPEndPoint(call.Local.Address, call.Requested!.Port) : call.Requested,
            seen.RequestedAddress,
            seen.RequestedPort);
        comparison.Same(nameof(seen.ProtocolNumber), call.Protocol, seen.ProtocolNumber);
        comparison.Same(nameof(seen.SocketType), Names.SocketTypes.NameOf((ushort)call.SocketType), seen.SocketType);
        comparison.Same(nameof(seen.AddressFamily), call.Family.ToString(), seen.AddressFamily);
        comparison.Same(nameof(seen.Options), call.Options.ToString(), seen.Options.ToString());
        comparison.Same(nameof(seen.IPv6Only), call.IPv6Only.ToString(), seen.IPv6Only.ToString());
        comparison.Same(nameof(seen.InterfaceIndex), call.InterfaceIndex, seen.InterfaceIndex);
        comparison.Same(nameof(seen.SocketUid), call.Error != 0 && call.Inode != 0 ? Interop.Libc.geteuid() : 0, seen.SocketUid);
    }

    private void ChosenPort()
    {
        using KnownSocket socket = new(IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReuseAddress);
        if (Bind("bind() of a TCP socket", socket, new IPEndPoint(KnownSocket.First, 0)))
        {
            _freePort = socket.Local.Port;
            FailToBind("bind() of a bound TCP socket", socket, new IPEndPoint(KnownSocket.Second, _freePort));
        }
    }

    private void NamedPort()
    {
        // Where that of TCP failed this would, too.
        if (_freePort != 0)
        {
            using KnownSocket socket = new(IPFamily.IPv4, KnownSocket.Udp, BindOptions.Transparent | BindOptions.ReusePort);
            Bind("bind() of a UDP socket", socket, new IPEndPoint(KnownSocket.Second, _freePort++));
        }
    }

    private void NoPort()
    {
        using KnownSocket socket = new(IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.BindAddressNoPort);
        Bind("bind() without a port", socket, new IPEndPoint(KnownSocket.Second, 0));
    }

    private void IPv6()
    {
        const string Name = "bind() of a TCP socket over IPv6";
        using KnownSocket socket = new(IPFamily.IPv6, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReusePort, ipv6Only: true);
        if (socket.Error == Errno.EAFNOSUPPORT)
        {
            return;
        }

        if (Bind(Name, socket, new IPEndPoint(IPAddress.IPv6Loopback, 0)))
        {
            FailToBind("bind() of a bound TCP socket over IPv6", socket, new IPEndPoint(IPAddress.IPv6Loopback, socket.Local.Port));
        }
    }

    private void NoSocket()
    {
        IPEndPoint to = new(KnownSocket.Second, 7173);
        Before();
        int error = KnownSocket.BindNothing(to);
        if (error != Errno.EBADF)
        {
            NotMade("bind() without a socket", error);
            return;
        }

        Arrived(new KnownCall("bind() without a socket", IPFamily.IPv4, to) { Error = error, Requested = to });
    }

    private bool Bind(string name, KnownSocket socket, IPEndPoint to)
    {
        if (socket.Error != 0)
        {
            return NotMade(name, socket.Error);
        }

        Before();
        return socket.Bind(to) ? Arrived(new KnownCall(name, socket) { Requested = to }) : NotMade(name, socket.Error);
    }

    /// <summary>Asks for one that is bound already, if failures are wanted.</summary>
    private void FailToBind(string name, KnownSocket socket, IPEndPoint to)
    {
        if (!_filter.IncludeError)
        {
            return;
        }

        Before();
        if (socket.Bind(to) || socket.Error != Errno.EINVAL)
        {
            NotMade(name, socket.Error);
            return;
        }

        Arrived(new KnownCall(name, socket) { Local = to, Requested = to, Error = socket.Error });
    }
}

using System.Net;
using BindSnoop.Abi;
using BindSnoop.Errors;

namespace BindSnoop.Proving;

/// <summary>Calls of listen() over IPv4 and IPv6, and one that fails if failures are requested.</summary>
internal sealed class ListenProver(TraceFilter filter, bool isCounting) : Prover(filter, isCounting)
{
    private const int Backlog = 17;

    // More than any kernel queues, so that the requested backlog and the applied one differ.
    private const int LargeBacklog = 0x7edcba98;

    private readonly TraceFilter _filter = filter;

    protected override IEnumerable<Action> Cases
    {
        get
        {
            yield return IPv4;
            yield return IPv6;
            if (_filter.IncludeError && (Hooks("sock_no_listen") || Hooks("listen")))
            {
                yield return Datagrams;
            }
        }
    }

    protected override byte[] Example => IsCounting
        ? SampleBytes.Of(new BindCountKey { AddressFamily = (ushort)IPFamily.IPv4 })
        : SampleBytes.Of(new ListenSample { AddressFamily = (ushort)IPFamily.IPv4 });

    protected override void Compare(byte[] sample, KnownCall call, CallComparison comparison)
    {
        if (IsCounting)
        {
            comparison.SameCount(sample, By);
            return;
        }

        ListenEvent seen = new(SampleBytes.As<ListenSample>(sample), Context);
        comparison.SameEvent(seen);
        comparison.SameEnd(nameof(seen.Address), nameof(seen.Port), call.Local, seen.Address, seen.Port);
        comparison.Same(nameof(seen.ProtocolNumber), call.Protocol, seen.ProtocolNumber);
        comparison.Same(nameof(seen.SocketType), Names.SocketTypes.NameOf((ushort)call.SocketType), seen.SocketType);
        comparison.Same(nameof(seen.AddressFamily), call.Family.ToString(), seen.AddressFamily);

        // Not known where the kernel has cut it already.
        comparison.Same(nameof(seen.Backlog), call.Backlog, seen.Backlog ?? (call.BacklogLimit <= call.Backlog ? call.Backlog : -1));
        comparison.Same(nameof(seen.BacklogLimit), call.BacklogLimit ?? -1, seen.BacklogLimit ?? -1);
        comparison.Same(nameof(seen.Implicit), false.ToString(), seen.Implicit.ToString());
        comparison.Same(nameof(seen.PortChosen), (call.Local.Port != 0).ToString(), seen.PortChosen.ToString());
        comparison.Same(nameof(seen.AlreadyListening), call.AlreadyListening.ToString(), seen.AlreadyListening.ToString());
        comparison.Same(nameof(seen.Options), call.Options.ToString(), seen.Options.ToString());
        comparison.Same(nameof(seen.IPv6Only), call.IPv6Only.ToString(), seen.IPv6Only.ToString());
        comparison.Same(nameof(seen.InterfaceIndex), call.InterfaceIndex, seen.InterfaceIndex);
    }

    private void IPv4()
    {
        const string Name = "listen()";
        using KnownSocket? socket = MakeBound(Name, IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReuseAddress, KnownSocket.First);
        if (socket is not null && Listen(Name, socket, Backlog, again: false))
        {
            // Before, it would have had listen() choose the port.
            socket.Set(BindOptions.BindAddressNoPort);
            Listen("listen() once more", socket, LargeBacklog, again: true);
        }
    }

    private void IPv6()
    {
        const string Name = "listen() over IPv6";
        const BindOptions Options = BindOptions.FreeBind | BindOptions.Transparent | BindOptions.ReusePort;
        using KnownSocket? socket = MakeBound(Name, IPFamily.IPv6, KnownSocket.Tcp, Options, IPAddress.IPv6Loopback, ipv6Only: true);
        if (socket is not null)
        {
            Listen(Name, socket, Backlog, again: false);
        }
    }

    private void Datagrams()
    {
        const string Name = "listen() of a UDP socket";
        using KnownSocket socket = new(IPFamily.IPv4, KnownSocket.Udp, BindOptions.None);
        if (socket.Error != 0)
        {
            NotMade(Name, socket.Error);
            return;
        }

        Before();
        if (socket.Listen(Backlog) || socket.Error != Errno.EOPNOTSUPP)
        {
            NotMade(Name, socket.Error);
            return;
        }

        Arrived(new KnownCall(Name, socket) { Backlog = Backlog, Error = socket.Error });
    }

    private bool Listen(string name, KnownSocket socket, int backlog, bool again)
    {
        Before();
        return socket.Listen(backlog)
            ? Arrived(new KnownCall(name, socket) { Backlog = backlog, BacklogLimit = socket.BacklogLimit(), AlreadyListening = again })
            : NotMade(name, socket.Error);
    }
}

using System.Net;
using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Proving;

/// <summary>Bound sockets that are closed: one that listens, and where others are seen as well some that do not.</summary>
internal sealed class ReleaseProver(TraceFilter filter) : Prover(filter, isCounting: false)
{
    // BoundFor is in ticks of as many nanoseconds.
    private const long Rounded = TimeSpan.NanosecondsPerTick;

    protected override IEnumerable<Action> Cases
    {
        get
        {
            yield return Listening;
            if (Hooks("inet_release") || HasPrograms("_sock_release"))
            {
                yield return Bound;
                yield return Datagrams;
            }

            yield return IPv6;
        }
    }

    protected override byte[] Example => SampleBytes.Of(new ReleaseSample { AddressFamily = (ushort)IPFamily.IPv4 });

    protected override void Compare(byte[] sample, KnownCall call, CallComparison comparison)
    {
        ReleaseEvent seen = new(SampleBytes.As<ReleaseSample>(sample), Context);
        comparison.SameEvent(seen);
        comparison.SameEnd(nameof(seen.Address), nameof(seen.Port), call.Local, seen.Address, seen.Port);
        comparison.Same(nameof(seen.ProtocolNumber), call.Protocol, seen.ProtocolNumber);
        comparison.Same(nameof(seen.SocketType), Names.SocketTypes.NameOf((ushort)call.SocketType), seen.SocketType);
        comparison.Same(nameof(seen.AddressFamily), call.Family.ToString(), seen.AddressFamily);
        comparison.Same(nameof(seen.State), call.State, seen.State);
        comparison.Same(nameof(seen.LeavesTimeWait), false.ToString(), (seen.LeavesTimeWait == true).ToString());
        comparison.Same(nameof(seen.Options), call.Options.ToString(), seen.Options.ToString());
        comparison.Same(nameof(seen.IPv6Only), call.IPv6Only.ToString(), seen.IPv6Only.ToString());
        comparison.Same(nameof(seen.InterfaceIndex), call.InterfaceIndex, seen.InterfaceIndex);
        if (Hooks("inet_bind") || HasPrograms("_post_bind4"))
        {
            const string Right = "since it was bound";
            long boundAt = seen.KernelTime - ((seen.BoundFor?.Ticks ?? 0) * Rounded);
            comparison.Same(nameof(seen.BoundFor), Right, boundAt < call.BoundFrom - Rounded ? "longer" : boundAt > call.BoundUntil + Rounded ? "shorter" : Right);
        }
    }

    private void Listening() =>
        Close("close() of a listening TCP socket", IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReuseAddress, KnownSocket.First, listen: true);

    private void Bound() =>
        Close("close() of a bound TCP socket", IPFamily.IPv4, KnownSocket.Tcp, BindOptions.Transparent | BindOptions.ReusePort, KnownSocket.Second, listen: false);

    private void Datagrams() =>
        Close("close() of a UDP socket", IPFamily.IPv4, KnownSocket.Udp, BindOptions.FreeBind, KnownSocket.First, listen: false);

    private void IPv6() => Close(
        "close() of a listening TCP socket over IPv6", IPFamily.IPv6, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReusePort, IPAddress.IPv6Loopback, listen: true);

    private void Close(string name, IPFamily family, int protocol, BindOptions options, IPAddress address, bool listen)
    {
        long from = KernelClock.Now;
        using KnownSocket? socket = MakeBound(name, family, protocol, options, address, ipv6Only: family == IPFamily.IPv6);
        if (socket is null)
        {
            return;
        }

        long until = KernelClock.Now;
        if (protocol == KnownSocket.Udp)
        {
            // Before, it would have got no port.
            socket.Set(BindOptions.BindAddressNoPort);
        }

        if (listen && !socket.Listen(1))
        {
            NotMade(name, socket.Error);
            return;
        }

        KnownCall call = new(name, socket)
        {
            State = listen ? "Listen" : protocol == KnownSocket.Udp ? "Unconnected" : "Bound",
            BoundFrom = from,
            BoundUntil = until,
        };
        Before();
        socket.Dispose();
        Arrived(call);
    }
}

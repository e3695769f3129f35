using System.Net;
using BindSnoop.Abi;
using BindSnoop.Errors;

namespace BindSnoop.Proving;

/// <summary>Connections accepted over the loopback interface, by IPv4 and IPv6, and failures if they are requested.</summary>
internal sealed class AcceptProver(TraceFilter filter) : Prover(filter, isCounting: false)
{
    private const int WrongFlags = 1 << 20;

    private readonly TraceFilter _filter = filter;

    protected override IEnumerable<Action> Cases
    {
        get
        {
            yield return IPv4;
            yield return IPv6;
            if (_filter.IncludeError && (Hooks("inet_csk_accept") || Hooks("accept4")))
            {
                yield return NotListening;
            }

            if (_filter.IncludeError && (Hooks("__sys_accept4") || Hooks("accept4")))
            {
                yield return UnknownFlags;
            }
        }
    }

    protected override byte[] Example => SampleBytes.Of(new AcceptSample { AddressFamily = (ushort)IPFamily.IPv4 });

    protected override void Compare(byte[] sample, KnownCall call, CallComparison comparison)
    {
        AcceptEvent seen = new(SampleBytes.As<AcceptSample>(sample), Context);
        comparison.SameEvent(seen);
        comparison.SameEnd(nameof(seen.LocalAddress), nameof(seen.LocalPort), call.Local, seen.LocalAddress, seen.LocalPort);
        comparison.SameEnd(nameof(seen.RemoteAddress), nameof(seen.RemotePort), call.Remote, seen.RemoteAddress, seen.RemotePort);
        comparison.Same(nameof(seen.ProtocolNumber), call.Protocol, seen.ProtocolNumber);
        comparison.Same(nameof(seen.AddressFamily), call.Family.ToString(), seen.AddressFamily);
        comparison.Same(nameof(seen.InterfaceIndex), call.InterfaceIndex, seen.InterfaceIndex);
    }

    private void IPv4() => Accept("accept()", IPFamily.IPv4, KnownSocket.First);

    private void IPv6() => Accept("accept() over IPv6", IPFamily.IPv6, IPAddress.IPv6Loopback);

    private void Accept(string name, IPFamily family, IPAddress address)
    {
        using KnownSocket? listener = MakeBound(name, family, KnownSocket.Tcp, BindOptions.None, address);
        if (listener is null)
        {
            return;
        }

        using KnownSocket client = new(family, KnownSocket.Tcp, BindOptions.None);
        if (client.Error != 0 || !listener.Listen(1))
        {
            NotMade(name, Math.Max(listener.Error, client.Error));
            return;
        }

        if (!client.Connect(listener))
        {
            NotMade(name, client.Error);
            return;
        }

        if (!listener.WaitForConnection(MillisecondsLeft))
        {
            NothingCame(name);
            return;
        }

        Before();
        using KnownSocket? connection = listener.Accept();
        if (connection is null)
        {
            NotMade(name, listener.Error);
            return;
        }

        Arrived(new KnownCall(name, connection) { Remote = client.Local });
    }

    private void NotListening() => Fail("accept() of a socket that does not listen", Interop.Libc.SOCK_CLOEXEC, listen: false);

    private void UnknownFlags() => Fail("accept() with unknown flags", WrongFlags, listen: true);

    private void Fail(string name, int flags, bool listen)
    {
        using KnownSocket? socket = MakeBound(name, IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind, KnownSocket.First);
        if (socket is null)
        {
            return;
        }

        if (listen && !socket.Listen(1))
        {
            NotMade(name, socket.Error);
            return;
        }

        Before();
        using KnownSocket? connection = socket.Accept(flags);
        if (socket.Error != Errno.EINVAL)
        {
            NotMade(name, socket.Error);
            return;
        }

        Arrived(new KnownCall(name, socket) { Error = socket.Error });
    }
}

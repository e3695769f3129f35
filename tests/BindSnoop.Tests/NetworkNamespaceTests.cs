using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The filter by network namespace: of the socket, or of a call that names none of its caller.</summary>
public sealed class NetworkNamespaceTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.All();

    public static IEnumerable<TheoryDataRow<Backend>> BindBackends() => BackendRows.OfBinds();

    [Theory]
    [MemberData(nameof(BindBackends))]
    public void Binds(Backend backend)
    {
        Requires.Tracing(backend);
        Check(
            wanted => new Collector(OptionsOf(backend, wanted) with { Filter = OptionsOf(backend, wanted).Filter with { IncludeError = true } }),
            3,
            () =>
            {
                _ = Sys.BindOnce("127.0.0.1", 0);
                _ = Sys.BindOnce("192.0.2.250", 0);
                _ = Sys.BindNothing();
            });
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Listens(Backend backend)
    {
        Requires.Tracing(backend);
        Check(wanted => new ListenCollector(OptionsOf(backend, wanted)), 1, () => Listener().Dispose());
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Releases(Backend backend)
    {
        Requires.Tracing(backend);
        Check(wanted => new ReleaseCollector(OptionsOf(backend, wanted)), 1, () => Listener().Dispose());
    }

    /// <summary>Who accepts in another namespace does so of a listener that was made elsewhere.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void AcceptsByTheSocketsNamespace(Backend backend)
    {
        Requires.Tracing(backend);
        uint own = NetworkNamespaces.Own;
        using Resident elsewhere = new();
        using Socket listener = Listener();
        using AcceptCollector one = new(OptionsOf(backend, own));
        using AcceptCollector several = new(OptionsOf(backend, 1, own));
        using AcceptCollector others = new(OptionsOf(backend, elsewhere.Namespace));
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        elsewhere.Do(() => listener.Accept().Dispose());
        Assert.True(one.WaitForCount(1, s_patience) && several.WaitForCount(1, s_patience));
        Assert.Equal([own], one.Finish().Select(e => e.NetworkNamespace));
        Assert.Equal([own], several.Finish().Select(e => e.NetworkNamespace));
        Assert.Empty(others.Finish());
    }

    [Fact]
    public void Counts()
    {
        Requires.Tracing();
        using Resident elsewhere = new();
        using BindCounter binds = new(OptionsOf(Backend.Auto, elsewhere.Namespace));
        using BindCounter listens = new(OptionsOf(Backend.Auto, 1, elsewhere.Namespace), CountedCall.Listen);
        Listener().Dispose();
        elsewhere.Do(() => Listener().Dispose());
        Assert.Equal(1, Assert.Single(binds.Read()).Count);
        Assert.Equal(1, Assert.Single(listens.Read()).Count);
    }

    /// <summary>What is bound already is filtered in the same way.</summary>
    [Fact]
    public void ExistingSockets()
    {
        Requires.Tracing();
        using Resident elsewhere = new();
        Socket? made = null;
        elsewhere.Do(() => made = Listener());
        using Socket there = made!;
        using Socket here = Listener();
        using Collector collector = new(OptionsOf(Backend.Auto, elsewhere.Namespace) with { IncludeExisting = true });
        Assert.True(collector.WaitForCount(1, s_patience));
        Assert.Equal([(elsewhere.Namespace, true)], collector.Finish().Select(e => (e.NetworkNamespace, e.Existing)));
    }

    /// <summary>Which is wherever this process is: the kernel's own threads are in it, and process 1 at first.</summary>
    [Fact]
    public void TheHostsIsThatOfTheKernel()
    {
        Assert.SkipUnless(Processes.SeesAll && Environment.IsPrivilegedProcess, "Only root of the host can look that up.");
        using Resident elsewhere = new();
        uint host = 0;
        elsewhere.Do(() => host = NetworkNamespaces.Parse("Host"));
        Assert.Equal(Namespaces.InodeOf("/proc/2/ns/net"), host);
        Assert.Equal(host, NetworkNamespaces.Parse("host"));
        Assert.NotEqual(elsewhere.Namespace, host);
        Assert.Contains(Namespaces.InodeOf("/proc/1/ns/net"), new[] { host, 0u });
    }

    /// <summary>A container's /proc shows other processes by the same numbers.</summary>
    [Fact]
    public void WhatIsNoKernelThreadIsNotTheHost()
    {
        Assert.False(Processes.IsKernelThread("/proc/self"));
        Assert.False(Processes.IsKernelThread("/nowhere"));
    }

    /// <summary>Does the same in two namespaces, and sees that only the events of the one that is requested come.</summary>
    private static void Check<TEvent>(Func<uint[], Collector<TEvent>> trace, int events, Action action)
        where TEvent : TraceEvent
    {
        using Resident elsewhere = new();
        foreach (uint[] wanted in new uint[][] { [elsewhere.Namespace], [1, elsewhere.Namespace], [NetworkNamespaces.Own] })
        {
            using Collector<TEvent> collector = trace(wanted);
            action();
            elsewhere.Do(action);
            Assert.True(collector.WaitForCount(events, s_patience));
            Assert.Equal(Enumerable.Repeat(wanted[^1], events), collector.Finish().Select(e => e.NetworkNamespace));
        }
    }

    private static TraceOptions OptionsOf(Backend backend, params uint[] wanted) =>
        new() { Backend = backend, Filter = new() { NetworkNamespace = wanted, ProcessId = [(uint)Environment.ProcessId] } };

    private static Socket Listener()
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    /// <summary>A thread in a network namespace of its own.</summary>
    private sealed class Resident : IDisposable
    {
        private readonly BlockingCollection<Action> _actions = [];
        private readonly Thread _thread;

        public Resident()
        {
            _thread = new(() => Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
            {
                foreach (Action action in _actions.GetConsumingEnumerable())
                {
                    action();
                }
            }));
            _thread.Start();
            Do(() => Namespace = Sys.NamespaceOf("net"));
        }

        public uint Namespace { get; private set; }

        public void Do(Action action)
        {
            using ManualResetEventSlim done = new();
            _actions.Add(() =>
            {
                action();
                done.Set();
            });
            Assert.True(done.Wait(s_patience));
        }

        public void Dispose()
        {
            _actions.CompleteAdding();
            _thread.Join();
            _actions.Dispose();
        }
    }
}

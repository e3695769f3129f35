using System.Net;
using System.Net.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Cgroups that are removed and made anew under their paths, as those of services and containers are.</summary>
public sealed class CgroupRestartTests
{
    // In a network of its own, so that no port is busy.
    private const ushort First = 22000;

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    public static IEnumerable<TheoryDataRow<Backend>> AcceptBackends() => BackendRows.All();

    /// <summary>Each bind is made at once when the cgroup is there, and none is missing.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void NoBindIsMissing(Backend backend)
    {
        const int Restarts = 100;
        Requires.Tracing(backend);
        using CgroupTree tree = new();
        string service = tree.Create("/x.service");
        using Collector collector = new(Options(backend, service));
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            for (int i = 0; i < Restarts; i++)
            {
                Renew(tree, service);
                tree.Within(tree.Root, () => Bind(First - 1));
                tree.Within(service, () => Bind((ushort)(First + i)));
            }
        });

        Assert.Equal(Enumerable.Range(First, Restarts), collector.Finish().Select(e => e.Port));
    }

    /// <summary>What leads there is made anew, too; and two paths have some of it in common.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void ParentsAreCreatedAgainToo(Backend backend)
    {
        Requires.Tracing(backend);
        using CgroupTree tree = new();
        string outer = tree.Create("/a");
        string middle = tree.Create("/a/b");
        string inner = tree.Create("/a/b/c");
        string beside = tree.Create("/a/d");
        using Collector collector = new(Options(backend, inner, beside));
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            for (ushort port = First; port < First + 40; port += 10)
            {
                tree.Within(outer, () => Bind((ushort)(port + 1)));
                tree.Within(middle, () => Bind((ushort)(port + 2)));
                tree.Within(inner, () => Bind((ushort)(port + 3)));
                tree.Within(beside, () => Bind((ushort)(port + 4)));
                string below = tree.InFileSystem(inner) + "/below";
                Directory.CreateDirectory(below);
                tree.Within(inner + "/below", () => Bind((ushort)(port + 5)));
                Remove(below);
                foreach (string path in new[] { inner, middle, beside, outer })
                {
                    Remove(tree.InFileSystem(path));
                }

                // One that has the name of a part, elsewhere.
                Directory.CreateDirectory(tree.InFileSystem(tree.Root) + "/c");
                tree.Within(tree.Root + "/c", () => Bind((ushort)(port + 6)));
                Remove(tree.InFileSystem(tree.Root) + "/c");
                foreach (string path in new[] { outer, middle, inner, beside })
                {
                    Directory.CreateDirectory(tree.InFileSystem(path));
                }
            }
        });

        Assert.Equal(
            Enumerable.Range(0, 4).SelectMany(i => Enumerable.Range(First + (10 * i) + 3, 3)), collector.Finish().Select(e => e.Port));
        // Of a moment without them, which may have been looked at; they are followed all the same.
        Assert.All(collector.Tracer.ReadWarnings(), w => Assert.Contains("exists again", w, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(AcceptBackends))]
    public void CountsAndAcceptsFollowToo(Backend backend)
    {
        Requires.Tracing(backend);
        using CgroupTree tree = new();
        string service = tree.Create("/x.service");
        using BindCounter counter = new(Options(backend, service));
        using AcceptCollector accepts = new(Options(backend, service));
        int port = 0;
        Renew(tree, service);
        tree.Within(service, () =>
        {
            using TcpListener listener = new(IPAddress.Loopback, 0);
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
            using TcpClient client = new();
            client.Connect(IPAddress.Loopback, port);
            using TcpClient accepted = listener.AcceptTcpClient();
        });
        Assert.Equal(port, Assert.Single(counter.Read()).Port);
        Assert.Equal(port, Assert.Single(accepts.Finish()).LocalPort);
    }

    [Fact]
    public void OneThatIsGoneIsReportedOnce()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string service = tree.Create("/x.service");
        using BindCounter counter = new(Options(Backend.Auto, service));
        Assert.Empty(counter.ReadWarnings());
        Renew(tree, service);
        Assert.Empty(counter.ReadWarnings());
        Remove(tree.InFileSystem(service));
        Assert.Equal([$"The cgroup '{service}' no longer exists. It is traced again as soon as it is created again."], counter.ReadWarnings());
        Assert.Empty(counter.ReadWarnings());
        Directory.CreateDirectory(tree.InFileSystem(service));
        Assert.Equal([$"The cgroup '{service}' exists again, and has been traced since it was created."], counter.ReadWarnings());
    }

    private static TraceOptions Options(Backend backend, params string[] cgroups) =>
        new() { Backend = backend, Filter = new() { Cgroup = cgroups, ProcessId = [(uint)Environment.ProcessId] } };

    private static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("0.0.0.0", port));

    private static void Renew(CgroupTree tree, string path)
    {
        Remove(tree.InFileSystem(path));
        Directory.CreateDirectory(tree.InFileSystem(path));
    }

    /// <summary>A cgroup is busy a little longer than its processes.</summary>
    private static void Remove(string directory)
    {
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                try
                {
                    Directory.Delete(directory);
                    return true;
                }
                catch (IOException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(10)));
    }
}

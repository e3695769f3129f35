using System.Globalization;
using System.Text.Json.Nodes;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Names of containers, from what their engines leave on disk.</summary>
public sealed class ContainerTests : IDisposable
{
    private const string Storage = "/var/lib/containers/storage/overlay-containers";

    private const ushort First = 22100;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly HostTree _host = new();
    private readonly string _id = HostTree.NewId();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Docker()
    {
        _host.WriteDocker(_id, "/web");
        Assert.Equal(new("docker", "web", "example.org/web:1", "", ""), Containers.Of($"/system.slice/docker-{_id}.scope"));
        Assert.Equal(new("docker", "web", "example.org/web:1", "", ""), Containers.Of($"/docker/{_id}/system.slice/nginx.service"));
    }

    [Theory]
    [InlineData("/srv/docker")]
    [InlineData("/var/snap/docker/common/var-lib-docker")]
    public void DockerElsewhere(string root)
    {
        _host.WriteDocker(_id, "/web", root: root);
        _host.Write("/etc/docker/daemon.json", new JsonObject { ["data-root"] = "/srv/docker" });
        Assert.Equal("web", Containers.Of($"/docker/{_id}")?.Name);
    }

    [Fact]
    public void PodOfDocker()
    {
        _host.WriteDocker(_id, "/k8s_web_shop-7d4b9_prod_0b1c2d3e-4f5a_0");
        Assert.Equal(new("docker", "web", "example.org/web:1", "shop-7d4b9", "prod"), Containers.Of($"/kubepods/besteffort/pod0b1c/{_id}"));
    }

    [Theory]
    [InlineData("/run/containerd")]
    [InlineData("/run/k3s/containerd")]
    public void PodOfContainerd(string state)
    {
        _host.WriteBundle(_id, HostTree.CriNotes("web", "shop-7d4b9", "prod", "example.org/web:1"), state: state);
        Assert.Equal(
            new("containerd", "web", "example.org/web:1", "shop-7d4b9", "prod"),
            Containers.Of($"/kubepods.slice/kubepods-pod0b1c.slice/cri-containerd-{_id}.scope"));
    }

    [Fact]
    public void SandboxOfContainerd()
    {
        JsonObject notes = HostTree.CriNotes("", "shop-7d4b9", "prod", "");
        notes["io.kubernetes.cri.container-type"] = "sandbox";
        notes["io.kubernetes.cri.podsandbox.image-name"] = "example.org/pause:3";
        _host.WriteBundle(_id, notes);
        Assert.Equal(new("containerd", "POD", "example.org/pause:3", "shop-7d4b9", "prod"), Containers.Of($"/kubepods/pod0b1c/{_id}"));
    }

    [Fact]
    public void Nerdctl()
    {
        _host.WriteBundle(_id, new JsonObject { ["nerdctl/name"] = "web", ["nerdctl/namespace"] = "default" }, "default");
        Assert.Equal(new("containerd", "web", null, "", ""), Containers.Of($"/system.slice/nerdctl-{_id}.scope"));
    }

    [Theory]
    [InlineData(Storage + "/containers.json")]
    [InlineData(Storage + "/volatile-containers.json")]
    [InlineData("/var/lib/containers/storage/vfs-containers/containers.json")]
    [InlineData("/run/containers/storage/overlay-containers/volatile-containers.json")]
    [InlineData("/srv/podman/overlay-containers/containers.json")]
    public void Podman(string list)
    {
        _host.Write("/etc/containers/storage.conf", "[storage]\ndriver = \"overlay\"\ngraphroot = \"/srv/podman\" # large\n");
        _host.WriteList(
            list, (HostTree.NewId(), "other", []), (_id, "web", new() { ["image-name"] = "example.org/web:1", ["name"] = "web" }));
        Assert.Equal(new("podman", "web", "example.org/web:1", "", ""), Containers.Of($"/machine.slice/libpod-{_id}.scope/container"));
        Assert.Equal("web", Containers.Of($"/libpod_parent/libpod-{_id}")?.Name);
    }

    [Fact]
    public void Crio()
    {
        const string Name = "k8s_web_shop-7d4b9_prod_0b1c2d3e-4f5a_0";
        _host.WriteList(
            $"{Storage}/containers.json",
            (_id, Name, new() { ["pod-name"] = "k8s_shop-7d4b9_prod_0b1c2d3e-4f5a_0", ["image-name"] = "example.org/web:1", ["metadata-name"] = "web" }));
        Assert.Equal(new("cri-o", "web", "example.org/web:1", "shop-7d4b9", "prod"), Containers.Of($"/kubepods/pod0b1c/crio-{_id}"));
    }

    [Theory]
    [InlineData("/run/containers/storage/overlay-containers")]
    [InlineData(Storage)]
    public void BundleOfCrio(string driver)
    {
        _host.Write($"{driver}/{_id}/userdata/config.json", new JsonObject
        {
            ["annotations"] = new JsonObject
            {
                ["io.container.manager"] = "cri-o",
                ["io.kubernetes.cri-o.Name"] = "k8s_web_shop-7d4b9_prod_0b1c2d3e-4f5a_0",
                ["io.kubernetes.cri-o.ImageName"] = "example.org/web:1",
                ["io.kubernetes.pod.name"] = "what-the-pod-says",
            },
        });
        Assert.Equal(
            new("cri-o", "web", "example.org/web:1", "shop-7d4b9", "prod"), Containers.Of($"/kubepods.slice/kubepods-pod0b1c.slice/crio-{_id}.scope"));
    }

    [Theory]
    [InlineData("/lxc.payload.web/system.slice", "lxc", "web")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn", "web")]
    [InlineData("/machine.slice/machine-web.scope", null, "web")]
    public void NamesThatCgroupsHave(string path, string? runtime, string name) =>
        Assert.Equal(new(runtime, name, null, "", ""), Containers.Of(path));

    [Fact]
    public void OutsideContainersNothingIsUnknown()
    {
        Assert.Equal(ContainerFacts.None, Containers.Of("/system.slice/nginx.service"));
        Assert.Null(Containers.Of(""));
        Assert.Null(Containers.Of($"/docker/{_id}"));
    }

    /// <summary>Whoever may make cgroups below his own can give one the id of another's container.</summary>
    [Theory]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{0}.scope")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/docker/{0}")]
    [InlineData("/system.slice/web.service/libpod-payload-{0}")]
    [InlineData("/user.slice/user-1000.slice/session-3.scope/docker-{0}.scope")]
    public void NobodyGetsTheNameOfAnothersContainer(string path)
    {
        _host.WriteDocker(_id, "/web");
        Assert.Equal(ContainerFacts.None, Containers.Of(string.Format(CultureInfo.InvariantCulture, path, _id)));

        string own = HostTree.NewId();
        _host.WriteDocker(own, "/own");
        Assert.Equal("own", Containers.Of($"/docker/{own}/docker/{_id}")?.Name);
    }

    /// <summary>What those in a container may write to, or have put where an engine's file should be.</summary>
    [Theory]
    [InlineData("file of another")]
    [InlineData("directory of another")]
    [InlineData("file for all")]
    [InlineData("directory for all")]
    [InlineData("link")]
    [InlineData("link to a directory")]
    [InlineData("pipe")]
    [InlineData("no JSON")]
    [InlineData("other JSON")]
    [InlineData("name of another kind")]
    [InlineData("long name")]
    [InlineData("large")]
    public void FilesThatOthersCanWriteAreNotRead(string what)
    {
        const int Nobody = 65534;
        const int ForAll = 0b110_110_110;
        string file = _host.WriteDocker(_id, "/web");
        string directory = Path.GetDirectoryName(file)!;
        string aside = Path.Combine(_host.Root, "aside");
        switch (what)
        {
            case "file of another":
                Sys.ChangeOwner(file, Nobody);
                break;
            case "directory of another":
                Sys.ChangeOwner(directory, Nobody);
                break;
            case "file for all":
                Sys.ChangeMode(file, ForAll);
                break;
            case "directory for all":
                Sys.ChangeMode(directory, 0b111_111_111);
                break;
            case "link":
                File.Move(file, aside);
                File.CreateSymbolicLink(file, aside);
                break;
            case "link to a directory":
                Directory.Move(directory, aside);
                File.CreateSymbolicLink(directory, aside);
                break;
            case "pipe":
                File.Delete(file);
                System.Diagnostics.Process.Start("mkfifo", file).WaitForExit();
                break;
            case "no JSON":
                File.WriteAllText(file, "{\"Name\":\"/web\"");
                break;
            case "other JSON":
                File.WriteAllText(file, "[\"/web\"]");
                break;
            case "name of another kind":
                File.WriteAllText(file, "{\"Name\":{\"a\":1}}");
                break;
            case "long name":
                File.WriteAllText(file, $"{{\"Name\":\"/{new string('x', 600)}\"}}");
                break;
            case "large":
                File.WriteAllText(file, $"{{\"Name\":\"/web\"}}{new string(' ', 17 * 1024 * 1024)}");
                break;
        }

        Assert.Null(Containers.Of($"/docker/{_id}"));
    }

    [Fact]
    public void NamesArePrintable()
    {
        _host.WriteDocker(_id, "/\u001b[2J", "a\u202eb");
        ContainerFacts facts = Containers.Of($"/docker/{_id}")!;
        Assert.Equal((@"\x1b[2J", @"a\u{202e}b"), (facts.Name, facts.Image));
    }

    [Fact]
    public void AListIsReadAgainOnceItHasChanged()
    {
        string first = HostTree.NewId();
        _host.WriteList($"{Storage}/containers.json", (first, "first", []));
        Assert.Equal("first", Containers.Of($"/libpod_parent/libpod-{first}")?.Name);
        Assert.Null(Containers.Of($"/libpod_parent/libpod-{_id}"));

        // As Podman does it.
        string list = _host.WriteList($"{Storage}/new", (first, "renamed", []), (_id, "second", []));
        File.Move(list, _host.Root + Storage + "/containers.json", overwrite: true);
        Assert.Equal("second", Containers.Of($"/libpod_parent/libpod-{_id}/below")?.Name);
        Assert.Equal("renamed", Containers.Of($"/libpod_parent/libpod-{first}/below")?.Name);
    }

    [Fact]
    public void TheHostsRootHasToBeThere()
    {
        Requires.Tracing();
        Environment.SetEnvironmentVariable(HostRoot.Variable, "/nowhere\u001b");
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions()));
        Assert.Equal(("HostRootNotFound", TraceErrorKind.ObjectNotFound), (exception.ErrorId, exception.Kind));
        Assert.Contains(@"'/nowhere\x1b'", exception.Message, StringComparison.Ordinal);
        Assert.Equal("HostRootNotFound", Assert.Throws<TraceException>(() => SocketSnapshot.Take(new())).ErrorId);
    }

    /// <summary>Everything of a container is gone as soon as it has made its call; what is shown is read later.</summary>
    [Fact]
    public void EventsHaveTheNamesOfContainersThatAreGone()
    {
        Requires.Tracing();
        _host.WriteBundle(_id, HostTree.CriNotes("web", "shop-7d4b9", "prod", "example.org/web:1"));
        using CgroupTree tree = new();
        string cgroup = tree.Create($"/{_id}");
        using Collector binds = new(Options());
        using ListenCollector listens = new(Options());
        using ReleaseCollector releases = new(Options());
        IReadOnlyList<BindSocket> sockets = [];
        tree.Within(cgroup, () =>
        {
            using System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
            listener.Start();
            sockets = SocketSnapshot.Take(new() { ProcessId = [(uint)Environment.ProcessId], Port = [PortOf(listener)] }).Sockets;
        });
        Assert.True(binds.WaitForCount(1, s_patience) && listens.WaitForCount(1, s_patience) && releases.WaitForCount(1, s_patience));
        Directory.Delete(_host.Root + "/run", recursive: true);
        Assert.All(
            new TraceEvent[] { binds.Finish()[0], listens.Finish()[0], releases.Finish()[0] },
            e => Assert.Equal(
                ("containerd", "web", "example.org/web:1", "shop-7d4b9", "prod"),
                (e.ContainerRuntime, e.ContainerName, e.ContainerImage, e.PodName, e.PodNamespace)));
        BindSocket socket = Assert.Single(sockets);
        Assert.Equal(("web", "shop-7d4b9"), (socket.ContainerName, socket.PodName));
        Assert.Equal(("web", "prod"), (socket.Owners[0].ContainerName, socket.Owners[0].PodNamespace));

        static PortRange PortOf(System.Net.Sockets.TcpListener listener)
        {
            ushort port = (ushort)((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
            return new PortRange(port, port);
        }
    }

    /// <summary>A container that is started anew by its name has another id and another cgroup.</summary>
    [Fact]
    public void ANameKeepsMatching()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string[] ids = [.. Enumerable.Range(0, 4).Select(_ => HostTree.NewId())];
        _host.WriteDocker(ids[0], "/web");
        _host.WriteDocker(ids[1], "/other");
        string[] cgroups = [.. ids.Select(id => tree.Create($"/{id}"))];
        using Collector byName = new(Options() with { Filter = new() { Container = ["web"] } });
        using Collector byId = new(Options() with { Filter = new() { Container = [ids[3][..12], ids[1]] } });
        using ListenCollector listens = new(new() { Filter = new() { Container = ["web"] } });
        Bind(0);
        Bind(1);
        Directory.Delete($"{_host.Root}/var/lib/docker/containers/{ids[0]}", recursive: true);
        _host.WriteDocker(ids[2], "/web");
        Bind(2);
        Bind(3);
        Assert.True(byName.WaitForCount(2, s_patience) && byId.WaitForCount(2, s_patience) && listens.WaitForCount(2, s_patience));
        Assert.Equal([First, First + 2], byName.Finish().Select(e => e.Port));
        Assert.Equal([First + 1, First + 3], byId.Finish().Select(e => e.Port));
        Assert.Equal([First, First + 2], listens.Finish().Select(e => e.Port));

        // Of the last one there is no name.
        Assert.StartsWith("Some calls are left out because their container", Assert.Single(byName.Tracer.ReadWarnings()), StringComparison.Ordinal);
        Assert.Empty(byName.Tracer.ReadWarnings());
        Assert.Empty(byId.Tracer.ReadWarnings());

        void Bind(int which) => tree.Within(cgroups[which], () =>
        {
            using System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, First + which);
            listener.Start();
            int found = SocketSnapshot.Take(new() { Container = ["web"], Port = [new PortRange((ushort)(First + which), (ushort)(First + which))] }).Sockets.Count;
            Assert.Equal(which is 0 or 2 ? 1 : 0, found);
        });
    }

    [Fact]
    public void CountsHaveNoContainers()
    {
        TraceException exception = Assert.Throws<TraceException>(() => new BindCounter(new() { Filter = new() { Container = ["web"] } }));
        Assert.Equal("ContainerWithCount", exception.ErrorId);
    }

    [Fact]
    public void UnitsAreFoundByTheirCgroupsAndFollowed()
    {
        Requires.Tracing();
        string unit = string.Create(CultureInfo.InvariantCulture, $"web-{Environment.ProcessId}");
        using CgroupTree tree = new("bindsnoop-test.slice");
        string cgroup = tree.Create($"/{unit}.service");
        string other = tree.Create($"/{unit}-other.service");
        TraceOptions options = new() { Filter = new() { Unit = [unit], ProcessId = [(uint)Environment.ProcessId] } };
        using Collector collector = new(options);
        using BindCounter counter = new(options with { Filter = options.Filter with { Unit = [$"{unit}.service"] } });
        for (int i = 0; i < 3; i++)
        {
            tree.Within(other, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", First - 1)));
            tree.Within(cgroup, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(First + i))));
            Assert.True(SpinWait.SpinUntil(() => TryDelete(tree.InFileSystem(cgroup)), s_patience));
            Directory.CreateDirectory(tree.InFileSystem(cgroup));
        }

        Assert.True(collector.WaitForCount(3, s_patience));
        Assert.Equal([First, First + 1, First + 2], collector.Finish().Select(e => e.Port));
        Assert.Equal(3, counter.Read().Sum(c => c.Count));
    }

    [Fact]
    public void UnitsThatDoNotRunAreRefused()
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new() { Filter = new() { Unit = ["no-such\u001b"] } }));
        Assert.Equal("UnitNotFound", exception.ErrorId);
        Assert.Contains(@"'no-such\x1b.service'", exception.Message, StringComparison.Ordinal);
        Assert.Equal(
            "UnitWithCgroup",
            Assert.Throws<TraceException>(() => new BindTracer(new() { Filter = new() { Unit = ["init.scope"], Cgroup = ["/"] } })).ErrorId);
    }

    [Fact]
    public void AThousandContainersTakeLittleMemory()
    {
        const int Count = 1000;
        const int MostBytes = 5 * 1024 * 1024;
        string[] ids = [.. Enumerable.Range(0, Count).Select(_ => HostTree.NewId())];
        foreach (string id in ids[..(Count / 2)])
        {
            _host.WriteBundle(id, HostTree.CriNotes("web", "shop-7d4b9c8d6f-x2x7q", "production", $"example.org/shop/web:{id}"));
        }

        _host.WriteList(
            $"{Storage}/containers.json",
            [.. ids[(Count / 2)..].Select(id => (id, $"web-{id[..8]}", new JsonObject { ["image-name"] = $"example.org/shop/web:{id}" }))]);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        ContainerFacts?[] facts = [.. ids.Select(id => Containers.Of($"/kubepods/besteffort/pod0b1c2d3e-4f5a/{id}"))];
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 0, MostBytes);
        Assert.All(facts, f => Assert.StartsWith("web", f!.Name, StringComparison.Ordinal));
    }

    private static bool TryDelete(string directory)
    {
        try
        {
            Directory.Delete(directory);
            return true;
        }
        catch (IOException)
        {
            // A cgroup is busy a little longer than its processes.
            return false;
        }
    }

    private static TraceOptions Options() => new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };
}

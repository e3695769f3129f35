using BindSnoop.Abi;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Counts by who makes the calls.</summary>
public sealed class CountGroupTests : IDisposable
{
    private const int Port = 21810;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HostTree _host = new();

    public static IEnumerable<TheoryDataRow<Backend>> Backends() => BackendRows.OfBinds();

    public void Dispose() => _host.Dispose();

    /// <summary>The truth program runs in two units and in none that is known; each back end counts the same.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void EveryUnitHasItsOwn(Backend backend)
    {
        Requires.Tracing(backend);
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        string first = tree.Create("/first.service"), second = tree.Create("/second.service");
        using BindCounter counter = new(Options(backend, tree, CountGroup.Unit));
        Load[] loads = [Load.Run(tree, 300, 2, cgroup: first), Load.Run(tree, 200, 2, cgroup: second), Load.Run(tree, 100, 2, cgroup: first)];
        counter.Stop();
        IReadOnlyList<BindCountGroup> groups = counter.ReadGroups();
        Assert.Equal(
            [("first.service", "", loads[0].Total + loads[2].Total, 0L), ("second.service", "", loads[1].Total, 0L)],
            groups.Select(g => (g.Unit, g.UserUnit, g.Count, g.Failed)));
        Assert.Equal(["first.service", "second.service"], groups.Select(g => g.Name));
        Assert.All(groups, g => Assert.Equal((null, null, null, null), (g.Port, g.Comm, g.Uid, g.ContainerName)));

        // What does not distinguish callers is the same as ever.
        Assert.Equal(loads.Sum(l => l.Total), counter.Read().Sum(c => c.Count));
        Assert.Equal(counter.Read().Count, counter.Read().Select(c => c.Port).Distinct().Count());
        Assert.Empty(counter.ReadWarnings());
        Assert.Null(counter.ReadLoss());
    }

    /// <summary>Its name is known although container, cgroup and files are gone when the counts are read; and there is one more by its name.</summary>
    [Fact]
    public void ContainersThatAreGone()
    {
        Requires.Tracing();
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        using BindCounter counter = new(Options(Backend.Auto, tree, CountGroup.Container, CountGroup.Port));
        int containers = 0;
        foreach ((string name, int port) in new[] { ("web", Port), ("db", Port), ("web", Port), ("web", Port + 1) })
        {
            string id = HostTree.NewId();
            string file = _host.WriteDocker(id, $"/{name}");
            string cgroup = $"{tree.Root}/docker-{id}.scope";
            Directory.CreateDirectory(tree.InFileSystem(cgroup));
            tree.Within(cgroup, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)port)));

            // Without anybody reading, and however slow the machine is.
            int known = ++containers;
            Assert.True(SpinWait.SpinUntil(() => counter.KnownCgroups == known, s_patience));
            Directory.Delete(tree.InFileSystem(cgroup));
            File.Delete(file);
        }

        IReadOnlyList<BindCountGroup> groups = counter.ReadGroups();
        Assert.Equal(
            [("web", Port, 2L), ("db", Port, 1L), ("web", Port + 1, 1L)],
            groups.Select(g => (g.ContainerName, g.Port!.Value, g.Count)));
        Assert.All(groups, g => Assert.Equal(("docker", null, "", null), (g.ContainerRuntime, g.ContainerId, g.PodName, g.UserContainerId)));
        Assert.Equal(["web, 21810", "db, 21810", "web, 21811"], groups.Select(g => g.Name));
        Assert.Empty(counter.ReadWarnings());
    }

    /// <summary>Failures are in the sums, and of whoever fails.</summary>
    [Fact]
    public void FailuresAreAmongThem()
    {
        Requires.Tracing();
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        string fails = tree.Create("/fails.service"), works = tree.Create("/works.service");
        TraceOptions options = Options(Backend.Auto, tree, CountGroup.Unit, CountGroup.Comm, CountGroup.User);
        using BindCounter counter = new(options with { Filter = options.Filter with { IncludeError = true } });
        Load failing = Load.Run(tree, 500, 2, fail: true, cgroup: fails), working = Load.Run(tree, 100, 2, cgroup: works);
        Assert.Equal(
            [("fails.service", "bindtruth", 0u, failing.Failed + failing.SetupBinds, failing.Failed), ("works.service", "bindtruth", 0u, working.Total, 0L)],
            counter.ReadGroups().Select(g => (g.Unit!, g.Comm!, g.Uid!.Value, g.Count, g.Failed)));
    }

    /// <summary>Calls of listen() too.</summary>
    [Fact]
    public void ListensOfEachUnit()
    {
        Requires.Tracing();
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        string unit = tree.Create("/listens.service");
        using BindCounter counter = new(Options(Backend.Auto, tree, CountGroup.Unit, CountGroup.Protocol), CountedCall.Listen);
        for (int i = 0; i < 3; i++)
        {
            tree.Within(unit, () =>
            {
                using System.Net.Sockets.TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
                listener.Start();
            });
        }

        BindCountGroup group = Assert.Single(counter.ReadGroups());
        Assert.Equal(("listens.service", "TCP", 3L, "listens.service, TCP"), (group.Unit, group.Protocol, group.Count, group.Name));
    }

    /// <summary>What is read again and again: more cgroups than fit into the buffer at once, and proofs between them.</summary>
    [Fact]
    public void ManyCgroups()
    {
        Requires.Tracing();
        const int Count = 200;
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        using BindCounter counter = new(Options(Backend.Auto, tree, CountGroup.Unit));
        for (int i = 0; i < Count; i++)
        {
            string cgroup = $"{tree.Root}/u{i}.service";
            Directory.CreateDirectory(tree.InFileSystem(cgroup));
            tree.Within(cgroup, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(Port + i))));
            if (i % 50 == 0)
            {
                Assert.True(counter.ProveAgain()!.Proven);
            }
        }

        // Looked up before they are removed, however slow the machine is.
        Assert.Equal(Count, counter.ReadGroups().Count);
        for (int i = 0; i < Count; i++)
        {
            Directory.Delete(tree.InFileSystem($"{tree.Root}/u{i}.service"));
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"u{i}.service").Order(), counter.ReadGroups().Select(g => g.Unit!).Order());
        Assert.All(counter.ReadGroups(), g => Assert.Equal(1, g.Count));
        Assert.Empty(counter.ReadWarnings());
    }

    /// <summary>A full table is reported as ever, with what is in it.</summary>
    [Fact]
    public void NoRoomForMore()
    {
        Requires.Tracing();
        const int Capacity = 8;
        const int Count = 100;
        using BindCounter counter = new(new TraceOptions
        {
            CountCapacity = Capacity,
            GroupBy = [CountGroup.Comm],
            Filter = new() { ProcessId = [(uint)Environment.ProcessId] },
        });
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(10000 + i)));
        }

        long counted = counter.ReadGroups().Sum(g => g.Count);
        LossReport? loss = counter.ReadLoss();
        Assert.NotNull(loss);
        Assert.Equal((LossCause.TableFull, (long)Count), (loss.Cause, counted + loss.Lost));
    }

    /// <summary>A cgroup that nobody can look up is not passed off as none.</summary>
    [Fact]
    public void WhatIsGoneIsSaid()
    {
        CountGrouping grouping = new([CountGroup.Unit, CountGroup.Container], BindEvent.Definition, id => id == 1 ? ("/a.service", ContainerFacts.None) : ("", null));
        BindCountKey call = new() { AddressFamily = 2, NamedFamily = 2, ProtocolNumber = 6 };
        grouping.Add(new() { Call = call, CgroupId = 1 }, 3);
        grouping.Add(new() { Call = call, CgroupId = 2 }, 2);
        Assert.Equal(["a.service, -", "?, ?"], grouping.ToGroups().Select(g => g.Name));
        Assert.Equal(2, grouping.UnknownCallers);
    }

    public static TheoryData<string, string, string> Texts => new()
    {
        { "/system.slice/nginx.service", "nginx.service", "-" },
        { "/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", "user@1000.service/app.service", "-" },
        { $"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{new string('a', 64)}.scope", $"user@1000.service/libpod-{new string('a', 64)}.scope", "aaaaaaaaaaaa (of a user)" },
        { $"/system.slice/docker-{new string('b', 64)}.scope", $"docker-{new string('b', 64)}.scope", "bbbbbbbbbbbb" },
        { "/", "-", "-" },
    };

    /// <summary>What users choose does not look like what only root can.</summary>
    [Theory]
    [MemberData(nameof(Texts))]
    public void Names(string path, string unit, string container)
    {
        CountGrouping grouping = new([CountGroup.Unit, CountGroup.Container], BindEvent.Definition, _ => (path, Containers.Of(path)));
        grouping.Add(new() { Call = new() { AddressFamily = 2, NamedFamily = 2 }, CgroupId = 1 }, 1);
        BindCountGroup group = Assert.Single(grouping.ToGroups());
        Assert.Equal((unit, container), (group.NameOf(CountGroup.Unit), group.NameOf(CountGroup.Container)));
    }

    /// <summary>Containers of different pods are not the same by their name.</summary>
    [Fact]
    public void ContainersOfPods()
    {
        CountGrouping grouping = new([CountGroup.Container], BindEvent.Definition, id => ("/a", new ContainerFacts("containerd", "app", "", $"pod-{id}", "shop")));
        BindCountKey call = new() { AddressFamily = 2, NamedFamily = 2 };
        grouping.Add(new() { Call = call, CgroupId = 1 }, 1);
        grouping.Add(new() { Call = call, CgroupId = 2 }, 2);
        Assert.Equal([("shop/pod-2/app", "pod-2", "shop"), ("shop/pod-1/app", "pod-1", "shop")], grouping.ToGroups().Select(g => (g.Name, g.PodName!, g.PodNamespace!)));
    }

    private static TraceOptions Options(Backend backend, CgroupTree tree, params CountGroup[] groups) =>
        new() { Backend = backend, GroupBy = groups, Filter = new() { Cgroup = [tree.Root] } };
}

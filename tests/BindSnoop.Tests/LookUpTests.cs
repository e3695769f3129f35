using BindSnoop.Names;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What the reader looks up for an event while the process, its cgroup and its network still are there.</summary>
public sealed class LookUpTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void InterfaceNameOfTheHost()
    {
        BindEvent found = BindAndFind(() => Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20900, device: "lo")));
        Assert.Equal(1, found.InterfaceIndex);
        Assert.Equal("lo", found.InterfaceName);
    }

    /// <summary>The index is the host's too, where it belongs to another name.</summary>
    [Fact]
    public void InterfaceNameOfAnotherNetwork()
    {
        Requires.Tracing();
        uint network = 0;
        BindEvent? found = null;
        using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            network = Sys.NamespaceOf("net");
            Sys.RenameInterface("lo", "elsewhere0");
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20901, device: "elsewhere0"));
            Assert.True(collector.WaitFor(e => e.Port == 20901, s_patience));
        });
        found = Assert.Single(collector.Finish());
        Assert.Equal(network, found.NetworkNamespace);
        Assert.NotEqual(network, Sys.NamespaceOf("net"));
        Assert.Equal(1, found.InterfaceIndex);
        Assert.Equal("elsewhere0", found.InterfaceName);
    }

    [Fact]
    public void NoInterfaceNoName()
    {
        BindEvent found = BindAndFind(() => Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20902)));
        Assert.Equal(0, found.InterfaceIndex);
        Assert.Equal("", found.InterfaceName);
    }

    /// <summary>d_path() of the kernel gives no path past a page. Whose it is shows in its beginning.</summary>
    [Fact]
    public void CgroupPathLongerThanTheKernelGives()
    {
        Requires.Tracing();
        using CgroupTree tree = new("user@4242.service");
        using LongCgroup cgroup = new(tree.InFileSystem(tree.Root), 4096);
        using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        cgroup.Within(tree, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20905)));
        Assert.True(collector.WaitFor(e => e.Port == 20905, s_patience));
        BindEvent found = Assert.Single(collector.Finish());
        Assert.StartsWith($"{tree.Root}/{cgroup.Name}/", found.CgroupPath, StringComparison.Ordinal);
        Assert.EndsWith($"{cgroup.Name}/…", found.CgroupPath, StringComparison.Ordinal);
        Assert.Equal("user@4242.service", found.Unit);
        Assert.Equal("", found.ContainerId);
    }

    [Fact]
    public void CgroupPath()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string inner = tree.Create("/in ner\u009b");
        using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        tree.Within(inner, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20903)));
        Assert.True(collector.WaitFor(e => e.Port == 20903, s_patience));
        BindEvent found = Assert.Single(collector.Finish());
        Assert.Equal(tree.Root + @"/in ner\u{009b}", found.CgroupPath);
        Assert.Equal(tree.IdOf(inner), found.CgroupId);
    }

    [Fact]
    public void UserNames()
    {
        Assert.Equal("root", Users.NameOf(0));
        Assert.Equal("4294967290", Users.NameOf(4294967290));
        foreach (string[] entry in File.ReadLines("/etc/passwd").Select(l => l.Split(':')).Where(e => e.Length == 7).DistinctBy(e => e[2]))
        {
            Assert.Equal(entry[0], Users.NameOf(uint.Parse(entry[2], System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    private static BindEvent BindAndFind(Action bind)
    {
        Requires.Tracing();
        using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        bind();
        return Assert.Single(collector.Finish());
    }
}

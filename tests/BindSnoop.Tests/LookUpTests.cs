using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Names;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What the reader looks up for an event while the process, its cgroup and its network still are there.</summary>
public sealed unsafe partial class LookUpTests
{
    private const int LimitOfProcesses = 6;
    private const int LimitOfFiles = 7;
    private const uint Nobody = 65534;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int Limit(int process, int resource, ulong* limit, ulong* old);

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

    /// <summary>A name that could not be looked up for lack of a descriptor is found once there is one.</summary>
    [Fact]
    public void AFailureIsNotForEver()
    {
        using CgroupTree tree = new();
        ulong id = tree.IdOf(tree.Root);
        ulong* old = stackalloc ulong[2];
        Assert.Equal(0, Limit(0, LimitOfFiles, null, old));
        ulong* none = stackalloc ulong[] { 0, old[1] };
        string without;
        Assert.Equal(0, Limit(0, LimitOfFiles, none, null));
        try
        {
            without = Cgroups.PathOf(id);
        }
        finally
        {
            Assert.Equal(0, Limit(0, LimitOfFiles, old, null));
        }

        Assert.Equal("", without);
        Assert.True(SpinWait.SpinUntil(() => Cgroups.PathOf(id) == tree.Root, s_patience));
    }

    /// <summary>An account that is made, renamed or removed while the process runs.</summary>
    [Fact]
    public void UserNamesAreLookedUpAgain()
    {
        Requires.Tracing();
        string file = Path.GetTempFileName();
        try
        {
            const uint Uid = 3_999_999_999;
            string before = File.ReadAllText("/etc/passwd");
            Sys.InNewNamespace(Sys.NewNamespaceMount, () =>
            {
                File.WriteAllText(file, before);
                Sys.CoverFile(file, "/etc/passwd");
                Assert.Equal($"{Uid}", Users.NameOf(Uid));
                foreach (string account in "newcomer renamed".Split(' '))
                {
                    File.WriteAllText(file, before + $"{account}:x:{Uid}:{Uid}::/:/bin/false\n");
                    Assert.True(SpinWait.SpinUntil(() => Users.NameOf(Uid) == account, s_patience), Users.NameOf(Uid));
                }
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Where setns(2) is refused, or no thread is to be had, a name is missing, and neither time nor the trace is lost.</summary>
    [Fact]
    public void NamespacesThatCannotBeEnteredCostNoThreadEach()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can give up root.");
        Assert.Equal("refused: '' few threads\nno threads: ''\n", Child.Start(Child.LookUpWithoutPrivileges));
    }

    public static int LookUpWithoutPrivileges()
    {
        const int LookUps = 20_000;
        uint network = 0;
        int thread = 0;
        using ManualResetEventSlim there = new(), done = new();
        Thread resident = new(() => Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            network = Sys.NamespaceOf("net");
            thread = Sys.ThreadId();
            there.Set();
            done.Wait();
        }));
        resident.Start();
        there.Wait();
        Sys.DropPrivileges(Nobody);
        string name = "";
        int first = NewThread();
        for (int i = 0; i < LookUps; i++)
        {
            name += NetworkInterfaces.NameOf(1, network, (uint)thread);
        }

        // Others make threads meanwhile, too; numbers begin again at the limit.
        int most = int.Parse(File.ReadAllText("/proc/sys/kernel/pid_max"), CultureInfo.InvariantCulture);
        int made = (NewThread() - first + most) % most;
        Console.WriteLine($"refused: '{name}' {(made < LookUps / 2 ? "few" : $"{made}")} threads");

        ulong* none = stackalloc ulong[] { 0, 0 };
        if (Limit(0, LimitOfProcesses, none, null) != 0)
        {
            return 1;
        }

        // Long enough for the refusal to be forgotten.
        Thread.Sleep(1100);
        Console.WriteLine($"no threads: '{NetworkInterfaces.NameOf(1, network, (uint)thread)}'");
        done.Set();
        return 0;
    }

    private static int NewThread()
    {
        int id = 0;
        Thread thread = new(() => id = Sys.ThreadId());
        thread.Start();
        thread.Join();
        return id;
    }

    private static BindEvent BindAndFind(Action bind)
    {
        Requires.Tracing();
        using Collector collector = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        bind();
        return Assert.Single(collector.Finish());
    }
}

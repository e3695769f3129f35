using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The Cgroup back end on a machine where others have programs in cgroups, too, and where it cannot work.</summary>
[Trait("Backend", nameof(Backend.Cgroup))]
public sealed unsafe partial class CgroupBackendTests
{
    private const uint CgroupSock = 9;
    private const int PostBind4 = 12;
    private const uint AllowOverride = 1;
    private const uint AllowMulti = 2;

    [LibraryImport("libbpf.so.1")]
    private static partial int bpf_prog_attach(int program, int target, int type, uint flags);

    [LibraryImport("libbpf.so.1")]
    private static partial int bpf_prog_detach2(int program, int target, int type);

    [Theory]
    [InlineData(0u)]
    [InlineData(AllowOverride)]
    public void AnExclusiveProgramAtTheRootIsNamed(uint flags)
    {
        Requires.Tracing(Backend.Cgroup);
        using FileDescriptor root = CgroupRoot.Open();
        using FileDescriptor program = Load(allow: true);
        Assert.SkipWhen(
            bpf_prog_attach(program.Value, root.Value, PostBind4, flags) == -Errors.Errno.EPERM,
            "Another program is attached to the root, such as that of a trace.");
        try
        {
            TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Backend = Backend.Cgroup }));
            Assert.Equal("CgroupTaken", exception.ErrorId);
            Assert.Equal("Another program is attached exclusively to the root of the cgroup hierarchy.", exception.Message);

            // By itself a trace takes the next one.
            using BindTracer other = new(new TraceOptions());
            Assert.NotEqual(Backend.Cgroup, other.Backend);
        }
        finally
        {
            Assert.Equal(0, bpf_prog_detach2(program.Value, root.Value, PostBind4));
        }
    }

    [Fact]
    public void AProgramThatAllowsOthersIsNoObstacle()
    {
        Requires.Tracing(Backend.Cgroup);
        using FileDescriptor root = CgroupRoot.Open();
        using FileDescriptor program = Load(allow: true);
        Attach(program, root, AllowMulti);
        try
        {
            Assert.Single(Trace(() => Bind()));
        }
        finally
        {
            Assert.Equal(0, bpf_prog_detach2(program.Value, root.Value, PostBind4));
        }
    }

    /// <summary>The price that others pay for a trace, as docs/limits.md says.</summary>
    [Theory]
    [InlineData(0u, false)]
    [InlineData(AllowOverride, false)]
    [InlineData(AllowMulti, true)]
    public void BesideATraceOthersMustAllowIt(uint flags, bool isAllowed)
    {
        Requires.Tracing(Backend.Cgroup);
        using FileDescriptor root = CgroupRoot.Open();
        using FileDescriptor program = Load(allow: true);
        using BindTracer tracer = new(new TraceOptions { Backend = Backend.Cgroup });
        int result = bpf_prog_attach(program.Value, root.Value, PostBind4, flags);
        if (result == 0)
        {
            Assert.Equal(0, bpf_prog_detach2(program.Value, root.Value, PostBind4));
        }

        Assert.Equal(isAllowed ? 0 : -Errors.Errno.EPERM, result);
    }

    /// <summary>One in a cgroup below that takes it for itself does not keep the root's from running.</summary>
    [Theory]
    [InlineData(0u)]
    [InlineData(AllowOverride)]
    [InlineData(AllowMulti)]
    public void AProgramBelowIsNoObstacle(uint flags)
    {
        Requires.Tracing(Backend.Cgroup);
        using CgroupTree tree = new();
        using FileDescriptor child = Cgroups.Open(tree.Root);
        using FileDescriptor program = Load(allow: true);
        Attach(program, child, flags);
        IReadOnlyList<BindEvent> events = Trace(() => tree.Within(tree.Root, () => Bind()));
        Assert.Equal(tree.IdOf(tree.Root), Assert.Single(events).CgroupId);
    }

    /// <summary>The kernel had bound it, and undoes that. Before 6.1 programs cannot ask what others have said (docs/limits.md).</summary>
    [Fact]
    public void WhatAProgramBelowRefusesIsNoSuccess()
    {
        Requires.Tracing(Backend.Cgroup);
        using CgroupTree tree = new();
        using FileDescriptor child = Cgroups.Open(tree.Root);
        using FileDescriptor program = Load(allow: false);
        Attach(program, child, AllowMulti);
        IReadOnlyList<BindEvent> events = Trace(() => tree.Within(tree.Root, () => Assert.Throws<SocketException>(() => Bind())));
        Assert.Equal(Environment.OSVersion.Version < new Version(6, 1) ? 1 : 0, events.Count);
    }

    /// <summary>Threads that share processors are interrupted within the programs, too; the buffer has room for all.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(64)]
    public void AtFullRateNothingIsLost(int threads)
    {
        Requires.Tracing(Backend.Cgroup);
        using CgroupTree tree = new();
        using BindTracer tracer = new(new TraceOptions
        {
            Backend = Backend.Cgroup,
            BufferSize = 1 << 25,
            Filter = new() { Cgroup = [tree.Root] },
        });
        BindSnoop.Tests.Load load = BindSnoop.Tests.Load.Run(tree, 100_000, threads);
        tracer.Stop();
        Assert.Equal(load.Total, tracer.Read().LongCount());
        Assert.Equal((load.Total, 0), (tracer.ReadStatistics().Emitted, tracer.ReadStatistics().Dropped));
    }

    [Fact]
    public void TheFilterTakesInCgroupsBelow()
    {
        Requires.Tracing(Backend.Cgroup);
        using CgroupTree tree = new();
        string below = tree.Create("/a");
        string deeper = tree.Create("/a/b");
        string beside = tree.Create("/c");
        IReadOnlyList<BindEvent> events = Trace(
            () =>
            {
                Bind();
                tree.Within(below, () => Bind());
                tree.Within(beside, () => Bind());
                tree.Within(deeper, () => Bind());
            },
            new TraceFilter { Cgroup = [below], ProcessId = [(uint)Environment.ProcessId] });
        Assert.Equal([tree.IdOf(below), tree.IdOf(deeper)], events.Select(e => e.CgroupId));
    }

    [Fact]
    public void AcceptsAreNotSeen()
    {
        Requires.Tracing(Backend.Cgroup);
        TraceException exception = Assert.Throws<TraceException>(() => new AcceptTracer(new TraceOptions { Backend = Backend.Cgroup }));
        Assert.Equal("NoCgroupPrograms", exception.ErrorId);
    }

    [Fact]
    public void WithinACgroupNamespaceItIsRefused()
    {
        Requires.Tracing(Backend.Cgroup);
        using CgroupTree tree = new();
        string procs = $"{tree.InFileSystem(tree.Root)}/cgroup.procs";
        (int status, string output) = Child.Under(
            [
                // Not sh, which may be busybox's and have an unshare of its own.
                "bash", "-ec",
                $"echo $$ > {procs}; exec unshare --cgroup --mount --propagation private sh -ec \"$0\" \"$@\"",
                "sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup2 .*/\\1/p' /proc/self/mountinfo | xargs -r -n 1 umount -l; exec \"$@\"",
                "sh",
            ],
            Child.TraceItself,
            new Dictionary<string, string> { [PrivilegeTests.BackendVariable] = nameof(Backend.Cgroup) });
        Assert.True(status == PrivilegeTests.Refused, output);
        Assert.StartsWith("CgroupRootNotVisible: This process is in a cgroup namespace", output);
    }

    private static IReadOnlyList<BindEvent> Trace(Action calls, TraceFilter? filter = null)
    {
        using Collector collector = new(new TraceOptions
        {
            Backend = Backend.Cgroup,
            Filter = filter ?? new TraceFilter { ProcessId = [(uint)Environment.ProcessId] },
        });
        calls();
        return collector.Finish(out _);
    }

    private static void Bind()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    }

    private static FileDescriptor Load(bool allow)
    {
        const ulong ReturnValue = 0xb7;
        const ulong Exit = 0x95;
        ulong* instructions = stackalloc ulong[] { ReturnValue | (allow ? 1ul << 32 : 0), Exit };
        BpfProgramLoadOptions options = new() { Size = (nuint)sizeof(BpfProgramLoadOptions), ExpectedAttachType = PostBind4 };
        int program = LibBpf.bpf_prog_load(CgroupSock, "others", "GPL", instructions, 2, options);
        Assert.True(program >= 0, Marshal.GetPInvokeErrorMessage(-program));
        return new FileDescriptor(program);
    }

    private static void Attach(FileDescriptor program, FileDescriptor cgroup, uint flags)
    {
        int result = bpf_prog_attach(program.Value, cgroup.Value, PostBind4, flags);
        Assert.SkipWhen(result == -1 /* EPERM */, "a program of others is attached to that cgroup");
        Assert.True(result == 0, Marshal.GetPInvokeErrorMessage(-result));
    }
}

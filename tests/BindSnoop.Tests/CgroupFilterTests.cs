using Xunit;

namespace BindSnoop.Tests;

/// <summary>The filter by cgroups: each takes in its whole subtree, and nothing beside it.</summary>
public sealed class CgroupFilterTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SubtreeAndNothingElse(bool pathInFileSystem)
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string wanted = tree.Create("/a");
        string inner = tree.Create("/a/in ner");
        string innermost = tree.Create("/a/in ner/most");
        string sibling = tree.Create("/ab");
        using Collector collector = Filtered(pathInFileSystem ? tree.InFileSystem(wanted) : wanted);
        Bind(20950);
        tree.Within(tree.Root, () => Bind(20951));
        tree.Within(wanted, () => Bind(20952));
        tree.Within(inner, () => Bind(20953));
        tree.Within(innermost, () => Bind(20954));
        tree.Within(sibling, () => Bind(20955));
        Assert.Equal([(20952, wanted), (20953, inner), (20954, innermost)], collector.Finish().Select(e => (e.Port, e.CgroupPath)));
    }

    [Fact]
    public void AnyOfSeveral()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string[] cgroups = [.. Enumerable.Range(0, 64).Select(i => tree.Create(string.Create(null, $"/c{i}")))];
        string other = tree.Create("/other");

        // 64 is the most there can be, so the last of them has to be looked at too.
        using Collector collector = Filtered(cgroups);
        tree.Within(cgroups[0], () => Bind(20956));
        tree.Within(cgroups[63], () => Bind(20957));
        tree.Within(other, () => Bind(20958));
        Assert.Equal([20956, 20957], collector.Finish().Select(e => e.Port));
    }

    [Fact]
    public void TheRootIsEverything()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using Collector collector = Filtered("/");
        Bind(20959);
        tree.Within(tree.Root, () => Bind(20960));
        Assert.Equal([20959, 20960], collector.Finish().Select(e => e.Port));
    }

    [Fact]
    public void TooMany()
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => Filtered([.. Enumerable.Repeat("/", 65)]).Dispose());
        Assert.Equal("TooManyCgroups", exception.ErrorId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/no such cgroup")]
    [InlineData("/etc")]
    [InlineData("nul\0")]
    public void NotACgroup(string path)
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => Filtered(path).Dispose());
        Assert.Equal("CgroupNotFound", exception.ErrorId);
        Assert.Equal(TraceErrorKind.ObjectNotFound, exception.Kind);
        Assert.Equal(path, exception.Target);
    }

    private static Collector Filtered(params string[] cgroups) =>
        new(new TraceOptions { Filter = new() { Cgroup = cgroups, ProcessId = [(uint)Environment.ProcessId] } });

    private static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));
}

using Xunit;

namespace BindSnoop.Tests;

/// <summary>Filters by maps that belong to somebody else.</summary>
public sealed class PinnedMapTests
{
    private static readonly uint s_self = (uint)Environment.ProcessId;

    [Fact]
    public void CgroupMapChangesWhileTracing()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        string inner = tree.Create("/inner");
        using BpfFileSystem fileSystem = new();
        using PinnedMap map = new(fileSystem, "cgroups", sizeof(ulong));
        using Collector collector = new(new TraceOptions { Filter = new() { CgroupMap = map.Path, ProcessId = [s_self] } });

        // The program may run while the map does not have the id yet, has it, and has it no more.
        BindEverywhere(20920);
        map.Add(tree.IdOf(tree.Root));
        BindEverywhere(20923);
        map.Add(tree.IdOf(inner));
        BindEverywhere(20926);
        map.Remove(tree.IdOf(tree.Root));
        BindEverywhere(20929);

        // A cgroup in the map stands for itself alone, not for those inside it, as with bcc's tools.
        Assert.Equal([20924, 20927, 20928, 20931], collector.Finish().Select(e => e.Port));

        void BindEverywhere(ushort port)
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));
            tree.Within(tree.Root, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(port + 1))));
            tree.Within(inner, () => Assert.Equal(0, Sys.BindOnce("127.0.0.1", (ushort)(port + 2))));
        }
    }

    [Fact]
    public void MountNamespaceMapChangesWhileTracing()
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        using PinnedMap map = new(fileSystem, "namespaces", sizeof(uint));
        using Collector collector = new(new TraceOptions { Filter = new() { MountNamespaceMap = map.Path, ProcessId = [s_self] } });
        uint own = Sys.NamespaceOf("mnt");

        Bind(20940);
        map.Add(own);
        Bind(20941);
        Sys.InNewNamespace(Sys.NewNamespaceMount, () =>
        {
            Bind(20942);
            map.Add(Sys.NamespaceOf("mnt"));
            Bind(20943);
        });
        map.Remove(own);
        Bind(20944);

        Assert.Equal([20941, 20943], collector.Finish().Select(e => e.Port));

        static void Bind(ushort port) => Assert.Equal(0, Sys.BindOnce("127.0.0.1", port));
    }

    [Fact]
    public void BothMaps()
    {
        Requires.Tracing();
        using CgroupTree tree = new();
        using BpfFileSystem fileSystem = new();
        using PinnedMap cgroups = new(fileSystem, "cgroups", sizeof(ulong));
        using PinnedMap namespaces = new(fileSystem, "namespaces", sizeof(uint));
        cgroups.Add(tree.IdOf(tree.Root));
        using Collector collector = new(new TraceOptions
        {
            Filter = new() { CgroupMap = cgroups.Path, MountNamespaceMap = namespaces.Path, ProcessId = [s_self] },
        });
        tree.Within(tree.Root, () =>
        {
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20945));
            namespaces.Add(Sys.NamespaceOf("mnt"));
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20946));
        });
        Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20947));
        Assert.Equal([20946], collector.Finish().Select(e => e.Port));
    }

    /// <summary>The map is the user's: it outlives the trace, with what is in it.</summary>
    [Fact]
    public void MapOutlivesTheTrace()
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        using PinnedMap map = new(fileSystem, "namespaces", sizeof(uint));
        map.Add(Sys.NamespaceOf("mnt"));
        for (int i = 0; i < 2; i++)
        {
            using Collector collector = new(new TraceOptions { Filter = new() { MountNamespaceMap = map.Path, ProcessId = [s_self] } });
            Assert.Equal(0, Sys.BindOnce("127.0.0.1", 20948));
            Assert.Single(collector.Finish());
        }
    }

    [Theory]
    [InlineData(PinnedMap.TypeHash, 8, 4)]
    [InlineData(PinnedMap.TypeHash, 4, 8)]
    [InlineData(PinnedMap.TypeArray, 4, 8)]
    [InlineData(PinnedMap.TypeLruHash, 8, 8)]
    public void CgroupMapOfAnotherShape(int type, int keySize, int valueSize) =>
        Refused(type, keySize, valueSize, path => new TraceFilter { CgroupMap = path });

    [Theory]
    [InlineData(PinnedMap.TypeHash, 8, 8)]
    [InlineData(PinnedMap.TypeHash, 4, 4)]
    [InlineData(PinnedMap.TypeLruHash, 8, 4)]
    public void MountNamespaceMapOfAnotherShape(int type, int keySize, int valueSize) =>
        Refused(type, keySize, valueSize, path => new TraceFilter { MountNamespaceMap = path });

    [Fact]
    public void NoMap()
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        string path = fileSystem.Path + "/no\u001bne";
        foreach (TraceFilter filter in new TraceFilter[] { new() { CgroupMap = path }, new() { MountNamespaceMap = path } })
        {
            TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = filter }).Dispose());
            Assert.Equal("PinnedMapNotFound", exception.ErrorId);
            Assert.Equal(TraceErrorKind.ObjectNotFound, exception.Kind);
            Assert.Equal(path, exception.Target);
            Assert.Contains(@"/no\x1bne", exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("\u001b", exception.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Whoever can change the map, or put another one in its place, could hide from the trace.</summary>
    [Theory]
    [InlineData("map", 0, 0x1b6, false)] // rw-rw-rw-
    [InlineData("map", 65534, 0x180, false)]
    [InlineData("directory", 0, 0x1ff, false)]
    [InlineData("directory", 65534, 0x1c0, false)]
    [InlineData("directory", 0, 0x3ff, true)] // rwxrwxrwt
    [InlineData("map", 0, 0x180, true)]
    [InlineData("map", 0, 0x1b0, true)] // rw-rw----, of root's group
    public void MapThatOthersCanChange(string what, int owner, int mode, bool trusted)
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        string directory = Directory.CreateDirectory(fileSystem.Path + "/inner").FullName;
        Sys.ChangeMode(directory, 0x1c0);
        using PinnedMap map = new(fileSystem, "inner/map", sizeof(ulong));
        string changed = what == "map" ? map.Path : directory;
        Sys.ChangeMode(changed, mode);
        Sys.ChangeOwner(changed, owner);
        TraceFilter filter = new() { CgroupMap = map.Path };
        if (trusted)
        {
            new BindTracer(new TraceOptions { Filter = filter }).Dispose();
            return;
        }

        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = filter }).Dispose());
        Assert.Equal(("PinnedMapNotTrusted", TraceErrorKind.PermissionDenied), (exception.ErrorId, exception.Kind));
        Assert.Contains($"'{changed}' ", exception.Message, StringComparison.Ordinal);
        Assert.Equal(map.Path, exception.Target);
    }

    /// <summary>A link is as good as what it leads to: others may own the link, but nobody can turn it while we look.</summary>
    [Fact]
    public void LinkToAMap()
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        using PinnedMap map = new(fileSystem, "map", sizeof(ulong));
        string link = Path.Combine(Path.GetTempPath(), $"bindsnoop-link-{Environment.ProcessId}");
        File.CreateSymbolicLink(link, map.Path);
        try
        {
            new BindTracer(new TraceOptions { Filter = new() { CgroupMap = link } }).Dispose();
        }
        finally
        {
            File.Delete(link);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("/")]
    public void NotAMap(string path)
    {
        Requires.Tracing();
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = new() { CgroupMap = path } }).Dispose());
        Assert.Equal("PinnedMapNotFound", exception.ErrorId);
    }

    private static void Refused(int type, int keySize, int valueSize, Func<string, TraceFilter> filter)
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        using PinnedMap map = new(fileSystem, "other", valueSize, keySize, type);
        TraceException exception = Assert.Throws<TraceException>(() => new BindTracer(new TraceOptions { Filter = filter(map.Path) }).Dispose());
        Assert.Equal("PinnedMapMismatch", exception.ErrorId);
        Assert.Equal(TraceErrorKind.InvalidArgument, exception.Kind);
        Assert.Contains(map.Path, exception.Message, StringComparison.Ordinal);
    }
}

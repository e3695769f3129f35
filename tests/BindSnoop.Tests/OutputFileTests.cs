using BindSnoop.Host;
using BindSnoop.Metrics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Files written as root, where others try to have it write elsewhere.</summary>
public sealed class OutputFileTests : IDisposable
{
    private const int Nobody = 65534;

    private readonly string _root = Directory.CreateTempSubdirectory("bindsnoop-output-").FullName;
    private readonly string _victim;

    public OutputFileTests()
    {
        _victim = Path.Combine(_root, "victim");
        File.WriteAllText(_victim, "precious\n");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    // ---- links

    [Theory]
    [InlineData(0x3ff, Nobody)] // 1777, as /tmp
    [InlineData(0x3ff, 0)]
    [InlineData(0x1ff, 0)]      // 777
    [InlineData(0x1ed, Nobody)] // 755
    public void ALinkThatOthersCouldHaveMadeIsRefused(int directoryMode, int linkOwner)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can make files of others.");
        string directory = Made("open", directoryMode);
        string link = Path.Combine(directory, "a.prom");
        File.CreateSymbolicLink(link, Path.Combine(_root, "elsewhere.prom"));
        Sys.ChangeLinkOwner(link, linkOwner);
        AssertRefused("MetricLinkNotTrusted", link);
        Assert.False(File.Exists(Path.Combine(_root, "elsewhere.prom")));

        // Neither on the way there.
        string way = Path.Combine(directory, "way");
        File.CreateSymbolicLink(way, _root);
        Sys.ChangeLinkOwner(way, linkOwner);
        AssertRefused("MetricLinkNotTrusted", Path.Combine(way, "b.prom"));
        Assert.False(File.Exists(Path.Combine(_root, "b.prom")));
    }

    [Fact]
    public void ALinkOfRootInADirectoryOfAnotherIsRefused()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can make files of others.");
        string directory = Made("home", 0x1ed);
        string link = Path.Combine(directory, "a.prom");
        File.CreateSymbolicLink(link, Path.Combine(_root, "elsewhere.prom"));
        Sys.ChangeOwner(directory, Nobody);
        AssertRefused("MetricLinkNotTrusted", link);
    }

    [Theory]
    [InlineData("{0}/real/a.prom")]
    [InlineData("../real/./a.prom")]
    [InlineData("../..{0}/links/../real/a.prom")]
    public void OwnLinksAreFollowed(string target)
    {
        Made("real", 0x1ed);
        Made("links", 0x1ed);
        target = target.Replace("../..{0}", $"../../{Path.GetFileName(_root)}", StringComparison.Ordinal).Replace("{0}", _root, StringComparison.Ordinal);
        string link = Path.Combine(_root, "links", "a.prom");
        File.CreateSymbolicLink(link, target);
        File.CreateSymbolicLink(Path.Combine(_root, "way"), "links");
        new MetricFile(Path.Combine(_root, "way", "a.prom")).Write(Some(7));
        Assert.Contains("total 7\n", File.ReadAllText(Path.Combine(_root, "real", "a.prom")), StringComparison.Ordinal);
        Assert.Equal(target, new FileInfo(link).LinkTarget);
    }

    [Fact]
    public void LinksInACircleAreAnError()
    {
        File.CreateSymbolicLink(Path.Combine(_root, "a"), "b");
        File.CreateSymbolicLink(Path.Combine(_root, "b"), "a");
        AssertRefused("MetricFileNotWritten", Path.Combine(_root, "a"));
    }

    [Fact]
    public void NobodyWinsARaceAgainstTheWalk()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can make files of others.");
        string home = Made("home", 0x1ff);
        Made("home/way", 0x1ff);
        Made("protected", 0x1c0);
        string link = Path.Combine(home, "trap");
        File.CreateSymbolicLink(link, Path.Combine(_root, "protected"));
        Sys.ChangeLinkOwner(link, Nobody);
        bool stop = false;
        Thread attacker = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                Sys.Exchange(Path.Combine(home, "way"), link);
            }
        });
        attacker.Start();
        int written = 0;
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            try
            {
                new MetricFile(Path.Combine(home, "way", "a.prom")).Write(Some(i));
                written++;
            }
            catch (TraceException exception) when (exception.ErrorId == "MetricLinkNotTrusted")
            {
                refused++;
            }
        }

        Volatile.Write(ref stop, true);
        attacker.Join();
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_root, "protected")));
        Assert.NotEqual(0, written);
        Assert.NotEqual(0, refused);
    }

    // ---- files that exist

    [Fact]
    public void FilesWithoutMetricsAreNotReplaced()
    {
        AssertRefused("MetricFileNotOurs", _victim);
        Assert.Equal("precious\n", File.ReadAllText(_victim));

        // Nor when it has come to be in the meantime.
        string path = Path.Combine(_root, "a.prom");
        MetricFile file = new(path);
        File.WriteAllText(path, "precious\n");
        Assert.Equal("MetricFileNotOurs", Assert.Throws<TraceException>(() => file.Write(Some(1))).ErrorId);
        Assert.Equal("precious\n", File.ReadAllText(path));
    }

    [Fact]
    public void FilesOfOthersAreNotReplaced()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can make files of others.");
        string path = Path.Combine(_root, "a.prom");
        new MetricFile(path).Write(Some(1));
        string before = File.ReadAllText(path);
        Sys.ChangeOwner(path, Nobody);
        AssertRefused("MetricFileNotOurs", path);
        Assert.Equal(before, File.ReadAllText(path));
    }

    [Fact]
    public void EmptyFilesAndOurOwnAreReplaced()
    {
        string path = Path.Combine(_root, "a.prom");
        File.WriteAllText(path, "");
        new MetricFile(path).Write(Some(1));
        new MetricFile(path).Write(Some(2));
        new MetricFile(path).Write(new MetricSet());
        new MetricFile(path).Write(Some(3));
        Assert.Contains("total 3\n", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void ANewFileDoesNotReplaceOneThatCameFirst()
    {
        OutputFile file = new(Path.Combine(_root, "new.json"), new("Policy", "a policy", null, null));
        file.Check(replace: false);
        file.Write("1"u8, replace: false);
        Assert.Equal("PolicyExists", Assert.Throws<TraceException>(() => file.Write("2"u8, replace: false)).ErrorId);
        file.Write("3"u8, replace: true);
        Assert.Equal("3", File.ReadAllText(Path.Combine(_root, "new.json")));
    }

    [Fact]
    public void SeveralWritersOfOneFileLeaveAWholeOneAndNothingElse()
    {
        string path = Path.Combine(_root, "dir", "a.prom");
        Made("dir", 0x1ed);
        Parallel.For(0, 4, writer =>
        {
            for (int i = 0; i < 200; i++)
            {
                new MetricFile(path).Write(Some(i));
            }
        });
        Assert.Contains("total 199\n", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal([path], Directory.GetFileSystemEntries(Path.Combine(_root, "dir")));
    }

    // ---- what is left

    [Fact]
    public void WhatAKilledProcessLeftIsRemoved()
    {
        string directory = Made("left", 0x1ed);
        string[] leftovers = ["a.prom.abcdefgh.ijk.tmp", "a.prom.01234567.89a.tmp"];
        string[] others = ["b.prom.abcdefgh.ijk.tmp", "a.prom.tmp", "a.prom.abcdefgh.ijk.tmp~", "xa.prom.abcdefgh.ijk.tmp", "aXprom.abcdefgh.ijk.tmp"];
        foreach (string name in leftovers.Concat(others))
        {
            File.WriteAllText(Path.Combine(directory, name), "");
        }

        if (Environment.IsPrivilegedProcess)
        {
            others = [.. others, "a.prom.zzzzzzzz.zzz.tmp"];
            File.WriteAllText(Path.Combine(directory, others[^1]), "");
            Sys.ChangeOwner(Path.Combine(directory, others[^1]), Nobody);
        }

        new MetricFile(Path.Combine(directory, "a.prom")).Write(Some(1));
        Assert.Equal(others.Append("a.prom").Order(StringComparer.Ordinal), Directory.GetFiles(directory).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }

    /// <summary>A new file is there as a whole or not at all, and one that is replaced stays while there is no room.</summary>
    [Fact]
    public void AFullDiskLeavesTheOldFile()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can make files of others.");
        string directory = Made("small", 0x1ed);
        Sys.MountFileSystem("tmpfs", directory, "size=16k");
        try
        {
            string path = Path.Combine(directory, "a.prom");
            new MetricFile(path).Write(Some(1));
            byte[] large = new byte[64 * 1024];
            PrometheusText.Beginning.CopyTo(large, 0);
            OutputFile file = new(path, new("Metric", "metrics", PrometheusText.Beginning, null));
            TraceException refusal = Assert.Throws<TraceException>(() => file.Write(large, replace: true));
            Assert.Equal("MetricFileNotWritten", refusal.ErrorId);
            Assert.Contains("ENOSPC", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("total 1\n", File.ReadAllText(path), StringComparison.Ordinal);
            Assert.Equal([path], Directory.GetFiles(directory));
        }
        finally
        {
            Sys.UnmountFileSystem(directory);
        }
    }

    private static void AssertRefused(string errorId, string path)
    {
        TraceException refusal = Assert.Throws<TraceException>(() => new MetricFile(path).Write(Some(1)));
        Assert.Equal((errorId, path), (refusal.ErrorId, refusal.Target));
        Assert.NotEmpty(refusal.RecommendedAction);
    }

    private static MetricSet Some(long value)
    {
        MetricSet set = new();
        set.Add(Metric.Received, value);
        return set;
    }

    private string Made(string name, int mode)
    {
        string directory = Directory.CreateDirectory(Path.Combine(_root, name)).FullName;
        Sys.ChangeMode(directory, mode);
        return directory;
    }
}

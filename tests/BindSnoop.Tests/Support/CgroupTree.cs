using System.Globalization;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>A cgroup of the test's own. The process can be moved into it and is moved back in the end.</summary>
internal sealed class CgroupTree : IDisposable
{
    private readonly string _mount;
    private readonly string _home;
    private readonly List<string> _created = [];

    public CgroupTree(string? name = null)
    {
        Assert.SkipUnless(Cgroups.MountPoint is not null, "No cgroup2 hierarchy is mounted.");
        _mount = Cgroups.MountPoint!;
        _home = File.ReadLines("/proc/self/cgroup").Single(l => l.StartsWith("0::", StringComparison.Ordinal))[3..];
        Root = $"/{name ?? string.Create(CultureInfo.InvariantCulture, $"bindsnoop-test-{Environment.ProcessId}")}";
        try
        {
            Create("");
        }
        catch (UnauthorizedAccessException exception)
        {
            Assert.Skip($"No cgroup can be made here: {exception.Message}");
        }
    }

    /// <summary>Its path in the hierarchy.</summary>
    public string Root { get; }

    /// <summary>Makes a cgroup below it, by its path from there, and returns its path in the hierarchy.</summary>
    public string Create(string below)
    {
        string path = Root + below;
        Directory.CreateDirectory(_mount + path);
        _created.Add(path);
        return path;
    }

    /// <summary>The path in the file system.</summary>
    public string InFileSystem(string path) => _mount + path;

    /// <summary>The id that the kernel gives it.</summary>
    public ulong IdOf(string path) => PathId.Of(InFileSystem(path));

    /// <summary>Does something with the whole process in a cgroup.</summary>
    public void Within(string path, Action action) => WithinDirectory(_mount + path, action);

    /// <summary>The same, by the path in the file system.</summary>
    public void WithinDirectory(string directory, Action action)
    {
        Move(directory);
        try
        {
            action();
        }
        finally
        {
            Move(_mount + _home);
        }
    }

    public void Dispose()
    {
        for (int i = _created.Count - 1; i >= 0; i--)
        {
            Directory.Delete(_mount + _created[i]);
        }
    }

    private static void Move(string directory) => File.WriteAllText($"{directory}/cgroup.procs", "0");
}

using BindSnoop.Interop;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>A cgroup so deep that nothing takes or gives its path as a whole: it is made and left step by step.</summary>
internal sealed class LongCgroup : IDisposable
{
    private readonly List<FileDescriptor> _directories = [];

    public LongCgroup(string parent, int longerThan)
    {
        Step(parent);
        for (int length = parent.Length; length <= longerThan; length += Name.Length + 1)
        {
            string path = $"{PathOf(_directories[^1])}/{Name}";
            Directory.CreateDirectory(path);
            Step(path);
        }
    }

    /// <summary>What each of them is called.</summary>
    public string Name { get; } = new('n', 250);

    /// <summary>Does something with the whole process in it.</summary>
    public void Within(CgroupTree tree, Action action) => tree.WithinDirectory(PathOf(_directories[^1]), action);

    public void Dispose()
    {
        for (int i = _directories.Count - 1; i >= 0; i--)
        {
            _directories[i].Dispose();
            if (i > 0)
            {
                Directory.Delete($"{PathOf(_directories[i - 1])}/{Name}");
            }
        }
    }

    private static string PathOf(FileDescriptor directory) => $"/proc/self/fd/{directory.Value}";

    private void Step(string path)
    {
        FileDescriptor directory = Libc.open(path, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
        Assert.False(directory.IsInvalid, path);
        _directories.Add(directory);
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Tests;

/// <summary>A BPF file system of the test's own.</summary>
internal sealed class BpfFileSystem : IDisposable
{
    public BpfFileSystem()
    {
        Path = Directory.CreateTempSubdirectory("bindsnoop-bpffs-").FullName;
        Sys.MountFileSystem("bpf", Path);
    }

    public string Path { get; }

    public void Dispose()
    {
        Sys.UnmountFileSystem(Path);
        Directory.Delete(Path);
    }
}

/// <summary>A BPF map as a user would make it with bpftool, and pin it.</summary>
internal sealed unsafe partial class PinnedMap : IDisposable
{
    public const int TypeHash = 1;
    public const int TypeArray = 2;
    public const int TypeLruHash = 9;

    private const string Library = "libbpf.so.1";

    private readonly FileDescriptor _map;

    public PinnedMap(BpfFileSystem fileSystem, string name, int valueSize, int keySize = sizeof(ulong), int type = TypeHash)
    {
        int fd = bpf_map_create(type, System.IO.Path.GetFileName(name), (uint)keySize, (uint)valueSize, 16, 0);
        if (fd < 0)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"bpf_map_create: {Marshal.GetPInvokeErrorMessage(-fd)}"));
        }

        _map = new FileDescriptor(fd);
        Path = $"{fileSystem.Path}/{name}";
        Check(bpf_obj_pin(fd, Path));
    }

    public string Path { get; }

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int bpf_map_create(int type, string name, uint keySize, uint valueSize, uint entries, nint options);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int bpf_obj_pin(int fd, string path);

    [LibraryImport(Library)]
    private static partial int bpf_map_delete_elem(int map, void* key);

    public void Add(ulong key)
    {
        ulong value = 1;
        Check(LibBpf.bpf_map_update_elem(_map.Value, &key, &value, 0));
    }

    public void Remove(ulong key) => Check(bpf_map_delete_elem(_map.Value, &key));

    public void Dispose() => _map.Dispose();

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException(Marshal.GetPInvokeErrorMessage(-result));
        }
    }
}

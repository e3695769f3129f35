using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using BindSnoop.Errors;
using BindSnoop.Interop;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The BPF programs, maps and links that this process holds, and whether the kernel still has them.</summary>
internal sealed partial class KernelObjects
{
    private const string Library = "libbpf.so.1";

    private static readonly string[] s_prefixes = ["cgroup_", "fentry_", "fexit_", "kprobe_", "kretprobe_", "sys_enter_", "sys_exit_", "raw_"];

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly HashSet<(string Kind, uint Id)> _objects;

    private KernelObjects(HashSet<(string Kind, uint Id)> objects) => _objects = objects;

    public int ProgramCount => _objects.Count(o => o.Kind == "prog_id");

    public int MapCount => _objects.Count(o => o.Kind == "map_id");

    /// <summary>
    /// Descriptors of BPF objects, perf events and the like, which have no files. Not those of epoll: the engine
    /// makes none, and the runtime keeps one from the first time that it reads a child's output.
    /// </summary>
    public static IReadOnlyList<string> Descriptors() =>
        [.. Directory.GetFiles("/proc/self/fd")
            .Select(fd => new FileInfo(fd).LinkTarget)
            .OfType<string>()
            .Where(target => target.StartsWith("anon_inode:", StringComparison.Ordinal) && target != "anon_inode:[eventpoll]")
            .Order()];

    /// <summary>What this process holds now.</summary>
    public static KernelObjects Held()
    {
        HashSet<(string, uint)> objects = [];
        foreach (string info in Directory.GetFiles("/proc/self/fdinfo"))
        {
            foreach (string[] field in ReadLines(info).Select(line => line.Split(':', StringSplitOptions.TrimEntries)))
            {
                if (field is ["prog_id" or "map_id" or "link_id", var id])
                {
                    objects.Add((field[0], uint.Parse(id, CultureInfo.InvariantCulture)));
                }
            }
        }

        return new(objects);
    }

    /// <summary>What another process held, from its <see cref="ToString"/>.</summary>
    public static KernelObjects Parse(string text) =>
        new([.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => o.Split(':')).Select(o => (o[0], uint.Parse(o[1], CultureInfo.InvariantCulture)))]);

    public override string ToString() => string.Join(' ', _objects.Select(o => string.Create(CultureInfo.InvariantCulture, $"{o.Kind}:{o.Id}")));

    /// <summary>All programs that the kernel has of anybody's, by number, of the names that ours have.</summary>
    public static IReadOnlySet<uint> Programs()
    {
        HashSet<uint> programs = [];
        for (uint id = 0; bpf_prog_get_next_id(id, out id) == 0;)
        {
            if (NameOf(id) is { } name && s_prefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal)))
            {
                programs.Add(id);
            }
        }

        return programs;
    }

    /// <summary>Fails if there are any beside those, after a while.</summary>
    public static void AssertNoMorePrograms(IReadOnlySet<uint> before) =>
        new KernelObjects([.. Programs().Except(before).Select(id => ("prog_id", id))]).AssertGone();

    /// <summary>Fails if the kernel keeps any of them. It frees them a while after the last reference is gone.</summary>
    public void AssertGone()
    {
        Stopwatch time = Stopwatch.StartNew();
        (string Kind, uint Id)[] left = [.. _objects.Where(Exists)];
        while (left.Length > 0 && time.Elapsed < s_patience)
        {
            Thread.Sleep(20);
            left = [.. left.Where(Exists)];
        }

        Assert.Empty(left);
    }

    [LibraryImport(Library)]
    private static partial int bpf_prog_get_fd_by_id(uint id);

    [LibraryImport(Library)]
    private static partial int bpf_map_get_fd_by_id(uint id);

    [LibraryImport(Library)]
    private static partial int bpf_link_get_fd_by_id(uint id);

    [LibraryImport(Library)]
    private static partial int bpf_prog_get_next_id(uint start, out uint next);

    private static unsafe string? NameOf(uint id)
    {
        // struct bpf_prog_info of linux/bpf.h, in which the name is at 64.
        const int Size = 80;
        const int Name = 64;
        byte* info = stackalloc byte[Size];
        new Span<byte>(info, Size).Clear();
        uint length = Size;
        int program = bpf_prog_get_fd_by_id(id);
        if (program < 0)
        {
            return null;
        }

        int result = LibBpf.bpf_obj_get_info_by_fd(program, info, ref length);
        _ = Libc.close(program);
        return result == 0 ? Marshal.PtrToStringUTF8((nint)(info + Name)) : null;
    }

    private static bool Exists((string Kind, uint Id) o)
    {
        int fd = o.Kind switch
        {
            "prog_id" => bpf_prog_get_fd_by_id(o.Id),
            "map_id" => bpf_map_get_fd_by_id(o.Id),
            _ => bpf_link_get_fd_by_id(o.Id),
        };
        if (fd >= 0)
        {
            _ = Libc.close(fd);
        }

        return fd != -Errors.Errno.ENOENT;
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            return [];
        }
    }
}

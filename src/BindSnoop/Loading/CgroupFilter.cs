using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>
/// The cgroups of a filter. They are given by their paths, and the programs of bpf/cgroup_filter.h follow what is removed
/// and made under these.
/// </summary>
internal sealed class CgroupFilter : IDisposable
{
    private const string ArrayMap = "cgroup_filter";

    // By ids: for cgroup programs, which may not ask the array before 6.12.
    private const string IdMap = "cgroup_id_filter";

    private readonly List<CgroupPath> _paths = [];

    /// <exception cref="TraceException"><c>TooManyCgroups</c>, <c>CgroupNotFound</c>.</exception>
    public CgroupFilter(IReadOnlyList<string> paths)
    {
        if (paths.Count > TraceConfig.MaxCgroups)
        {
            throw new TraceException(
                "TooManyCgroups",
                TraceErrorKind.InvalidArgument,
                $"{paths.Count} cgroups were given, but at most {TraceConfig.MaxCgroups} are possible.",
                "Give a common ancestor, which includes all cgroups below it, or put the ids into a pinned map.",
                paths.Count);
        }

        try
        {
            foreach (string path in paths)
            {
                _paths.Add(CgroupPath.Find(path));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The programs that follow the cgroups, to be attached before <see cref="Fill"/>.</summary>
    public IReadOnlyList<string> Programs => _paths.Exists(p => p.Names.Count > 0) ? ["raw_cgroup_mkdir", "raw_cgroup_rmdir"] : [];

    /// <summary>Before loading: the sizes of maps.</summary>
    public void Configure(TracerObject target)
    {
        // Places of a path are noted and given up one by one: there are never more than it has names.
        int parts = Math.Max(1, _paths.Sum(p => p.Names.Count));
        target.Resize(ArrayMap, Math.Max(1, _paths.Count));
        target.Resize(IdMap, Math.Max(1, _paths.Count));
        target.Resize(CgroupPlace.Map, parts);
        target.Resize(CgroupPart.Map, parts);
    }

    /// <summary>After loading: what is there now. Each step down is noted before it is made, so that none is missed that changes meanwhile.</summary>
    public void Fill(TracerObject target)
    {
        for (int i = 0; i < _paths.Count; i++)
        {
            for (int depth = 0; depth < _paths[i].Names.Count; depth++)
            {
                CgroupPart part = new() { Path = (uint)i, Depth = (uint)depth };
                target.Set(CgroupPart.Map, SampleBytes.Of(in part), Padded(_paths[i].Names[depth]));
            }
        }

        for (int i = 0; i < _paths.Count; i++)
        {
            CgroupPath path = _paths[i];
            using FileDescriptor? directory = path.Open((id, depth) => Note(target, path, id, depth));
            if (directory is null)
            {
                throw Gone(path);
            }

            target.Set(ArrayMap, BitConverter.GetBytes(i), BitConverter.GetBytes(directory.Value));
            target.Set(IdMap, BitConverter.GetBytes(Libc.InodeOf(directory)), [1]);
        }
    }

    public void Dispose() => _paths.ForEach(p => p.Dispose());

    private static TraceException Gone(CgroupPath path) => new(
        "CgroupNotFound",
        TraceErrorKind.ObjectNotFound,
        $"The cgroup '{DisplayText.Escape(path.Names[^1])}' was removed while the trace started.",
        "Try again when it exists.");

    private static byte[] Padded(byte[] name) => [.. name, .. new byte[CgroupName.Size - name.Length]];

    private void Note(TracerObject target, CgroupPath path, ulong parent, int depth)
    {
        CgroupPaths through = new() { Depth = (ulong)depth };
        for (int i = 0; i < _paths.Count; i++)
        {
            bool same = _paths[i].Names.Count > depth;
            for (int part = 0; same && part <= depth; part++)
            {
                same = _paths[i].Names[part].AsSpan().SequenceEqual(path.Names[part]);
            }

            through.Paths |= same ? 1ul << i : 0;
        }

        target.Set(CgroupPlace.Map, [.. BitConverter.GetBytes(parent), .. Padded(path.Names[depth])], SampleBytes.Of(in through));
    }
}

using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>A tracer that counts calls in the kernel and sends nothing.</summary>
internal sealed unsafe class CountSession : TraceSession
{
    private CountSession(LoadedTracer tracer, TraceFilter filter)
        : base(tracer, filter)
    {
    }

    protected override long Sent => 0;

    /// <summary>Loads and attaches with the back end asked for, or the best that works.</summary>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static CountSession Open(TracerDefinition definition, TraceOptions options, out IReadOnlyList<BackendRefusal> refusals) => Open(
        definition, options.Backend, () => TraceConfiguration.ForCounts(options), tracer => new CountSession(tracer, options.Filter), out refusals);

    /// <summary>The counts so far. No key is missed or there twice, for none is ever removed.</summary>
    public IReadOnlyList<(BindCountKey Key, long Count)> ReadCounts() => Reading(ReadMap);

    protected override void DisposeReader()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private List<(BindCountKey Key, long Count)> ReadMap()
    {
        const int BatchSize = 4096;
        List<(BindCountKey, long)> counts = [];
        BindCountKey[] keys = new BindCountKey[BatchSize];
        long[] values = new long[BatchSize];
        int map = Tracer.Object.MapFd("counts");
        int errno;
        uint position = 0;
        bool first = true;
        do
        {
            uint count = (uint)keys.Length;
            fixed (BindCountKey* key = keys)
            fixed (long* value = values)
            {
                uint next = 0;
                errno = -LibBpf.bpf_map_lookup_batch(map, first ? null : &position, &next, key, value, ref count, 0);

                // One hash bucket holds more than the whole batch: ask again with room for it.
                if (errno == Errno.ENOSPC)
                {
                    keys = new BindCountKey[keys.Length * 2];
                    values = new long[keys.Length];
                    continue;
                }

                if (errno is not 0 and not Errno.ENOENT)
                {
                    throw TraceException.FromErrno("ReadCountsFailed", "Reading the counts failed", errno);
                }

                position = next;
            }

            first = false;
            for (int i = 0; i < count; i++)
            {
                counts.Add((keys[i], values[i]));
            }
        }
        while (errno != Errno.ENOENT);

        return counts;
    }
}

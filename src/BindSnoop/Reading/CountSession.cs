using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>A tracer that counts calls in the kernel and sends nothing.</summary>
internal sealed unsafe class CountSession : TraceSession
{
    private readonly RingBuffer _proofs;

    private CountSession(LoadedTracer tracer, TraceFilter filter)
        : base(tracer, filter)
    {
        try
        {
            _proofs = new RingBuffer(tracer.Object.MapFd("events"), Environment.SystemPageSize, tracer.Object.MapFd(ReaderState.Map));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    protected override long Sent => 0;

    /// <summary>Loads and attaches with the back end requested, or the best that works.</summary>
    /// <param name="prove">Finds out whether it works, once it is attached.</param>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static CountSession Open(
        TracerDefinition definition, TraceOptions options, Func<TraceSession, TraceProof> prove, out IReadOnlyList<BackendRefusal> refusals) => Open(
        definition,
        options.Backend,
        () => TraceConfiguration.ForCounts(options),
        tracer => new CountSession(tracer, options.Filter),
        prove,
        out refusals);

    /// <summary>The counts so far. No key is missed or there twice, for none is ever removed.</summary>
    public IReadOnlyList<(BindCountKey Key, long Count)> ReadCounts() => Reading(ReadMap);

    public override IReadOnlyList<byte[]> FindProofs()
    {
        IReadOnlyList<byte[]> found = _proofs.FindDiscarded();

        // There is nothing else in it; passing over them makes room for the next.
        _ = _proofs.Read();
        return found;
    }

    protected override void Leave() => _proofs?.Leave();

    protected override void DisposeReader() => _proofs?.Dispose();

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

using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>A tracer that counts calls in the kernel and sends nothing.</summary>
internal sealed unsafe class CountSession : TraceSession
{
    private readonly RingBuffer _buffer;
    private readonly Queue<ulong> _cgroups = [];

    private CountSession(LoadedTracer tracer, TraceOptions options)
        : base(tracer, options.Filter)
    {
        By = options.CountBy;
        try
        {
            _buffer = new RingBuffer(tracer.Object.MapFd("events"), TraceConfiguration.CountBufferSize(By), tracer.Object.MapFd(ReaderState.Map));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What callers are distinguished by.</summary>
    public CountBy By { get; }

    protected override long Sent => 0;

    /// <summary>Loads and attaches with the back end requested, or the best that works.</summary>
    /// <param name="prove">Finds out whether it works, once it is attached.</param>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static CountSession Open(
        TracerDefinition definition, TraceOptions options, Func<TraceSession, TraceProof> prove, out IReadOnlyList<BackendRefusal> refusals) => Open(
        definition,
        options.Backend,
        () => TraceConfiguration.ForCounts(options),
        tracer => new CountSession(tracer, options),
        prove,
        out refusals);

    /// <summary>The counts so far. No key is missed or there twice, for none is ever removed.</summary>
    public IReadOnlyList<(OwnedCountKey Key, long Count)> ReadCounts() => Reading(() => By == CountBy.Anyone
        ? ReadMap<BindCountKey>("counts").ConvertAll(c => (new OwnedCountKey { Call = c.Key }, c.Count))
        : ReadMap<OwnedCountKey>("owned_counts"));

    public override IReadOnlyList<byte[]> FindProofs()
    {
        IReadOnlyList<byte[]> found = _buffer.FindDiscarded();

        // Passing over them makes room for the next.
        ReadCgroups();
        if (_cgroups.Count > 0)
        {
            InterruptWait();
        }

        return found;
    }

    /// <summary>The cgroups whose calls have been counted for the first time since the last call.</summary>
    public IReadOnlyList<ulong> TakeCgroups() => Reading<IReadOnlyList<ulong>>(() =>
    {
        ReadCgroups();
        ulong[] taken = [.. _cgroups];
        _cgroups.Clear();
        return taken;
    });

    /// <summary>Sleeps until there may be more of them. One thread, which has ended before disposal.</summary>
    public void WaitForCgroups() => _buffer.Wait(Timeout.Infinite);

    /// <summary>Ends a wait, the present or the next.</summary>
    public void InterruptWait() => _buffer.Interrupt();

    protected override void Leave() => _buffer?.Leave();

    protected override void DisposeReader() => _buffer?.Dispose();

    private void ReadCgroups()
    {
        for (ReadOnlySpan<byte> sample = _buffer.Read(); !sample.IsEmpty; sample = _buffer.Read())
        {
            _cgroups.Enqueue(SampleBytes.As<ulong>(sample));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private List<(TKey Key, long Count)> ReadMap<TKey>(string name)
        where TKey : unmanaged
    {
        const int BatchSize = 4096;
        List<(TKey, long)> counts = [];
        TKey[] keys = new TKey[BatchSize];
        long[] values = new long[BatchSize];
        int map = Tracer.Object.MapFd(name);
        int errno;
        uint position = 0;
        bool first = true;
        do
        {
            uint count = (uint)keys.Length;
            fixed (TKey* key = keys)
            fixed (long* value = values)
            {
                uint next = 0;
                errno = -LibBpf.bpf_map_lookup_batch(map, first ? null : &position, &next, key, value, ref count, 0);

                // One hash bucket holds more than the whole batch: ask again with room for it.
                if (errno == Errno.ENOSPC)
                {
                    keys = new TKey[keys.Length * 2];
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

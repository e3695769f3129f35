using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>
/// Counts calls of bind() in the kernel; nothing is sent per call. It is attached when the constructor
/// returns, and nothing of it is left in the kernel after disposal.
/// </summary>
public sealed unsafe class BindCounter : IDisposable
{
    private readonly BpfSession _session;

    /// <summary>Begins to count.</summary>
    public BindCounter(TraceOptions options)
    {
        if (options.CountCapacity < 1)
        {
            throw new TraceException(
                "InvalidCountCapacity",
                TraceErrorKind.InvalidArgument,
                $"A capacity of {options.CountCapacity} counts is not possible.",
                "Give at least 1; every combination of address, port, protocol, interface and result takes one.",
                options.CountCapacity);
        }

        _session = BpfSession.Open(TracerDefinition.Bind, options, count: true, out IReadOnlyList<BackendRefusal> refusals);
        Refusals = refusals;
        Metrics = new TraceMetrics(options.TraceName, ReadStatistics, Read);
        TraceMeter.Add(Metrics);
    }

    /// <summary>The back end in use.</summary>
    public Backend Backend => _session.Backend;

    /// <summary>The back ends that were not taken before, and why.</summary>
    public IReadOnlyList<BackendRefusal> Refusals { get; }

    /// <summary>What it tells in metrics.</summary>
    internal TraceMetrics Metrics { get; }

    /// <summary>What became of the calls so far; dropped are those for which the table had no room.</summary>
    public TraceStatistics ReadStatistics() => _session.ReadStatistics();

    /// <summary>Stops counting; the counts can still be read.</summary>
    public void Stop() => _session.Detach();

    /// <summary>The counts so far, highest first. No key is missed or told twice, for none is ever removed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public IReadOnlyList<BindCount> Read()
    {
        const int BatchSize = 4096;
        List<BindCount> counts = [];
        BindCountKey[] keys = new BindCountKey[BatchSize];
        long[] values = new long[BatchSize];
        using BpfSession.MapReader map = _session.OpenMap("counts");
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
                errno = -LibBpf.bpf_map_lookup_batch(map.Fd, first ? null : &position, &next, key, value, ref count, 0);

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
                counts.Add(new BindCount(keys[i], values[i]));
            }
        }
        while (errno != Errno.ENOENT);

        counts.Sort(BindCount.Compare);
        return counts;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TraceMeter.Remove(Metrics);
        _session.Dispose();
    }
}

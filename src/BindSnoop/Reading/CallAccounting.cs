using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>Sums the outcomes of the calls that the hooks of a tracer saw.</summary>
internal sealed unsafe class CallAccounting : IDisposable
{
    private readonly LoadedTracer _tracer;
    private readonly MemoryMap _counters;
    private readonly int _sets;

    public CallAccounting(LoadedTracer tracer)
    {
        _tracer = tracer;
        _sets = tracer.Object.InitialValue(Counters.Map).Length / sizeof(Counters);
        _counters = MemoryMap.Map(tracer.Object.MapFd(Counters.Map), (nuint)(_sets * sizeof(Counters)), writable: false, 0);
    }

    /// <summary>Sums the counters, and what the kernel itself counts as not run.</summary>
    /// <param name="sent">How many samples are, or were, in the ring buffer.</param>
    public TraceStatistics Read(long sent)
    {
        long missed = _tracer.Object.RecursionMisses();
        long emitted = sent;
        long dropped = 0;
        long filtered = 0;
        long unreturned = 0;
        Counters* counters = (Counters*)_counters.Pointer;
        for (int i = 0; i < _sets; i++)
        {
            emitted += Volatile.Read(ref counters[i].Counted);
            filtered += Volatile.Read(ref counters[i].Filtered);
            dropped += Volatile.Read(ref counters[i].Dropped);
            missed += Volatile.Read(ref counters[i].Missed);
            unreturned += Volatile.Read(ref counters[i].Entered) - Volatile.Read(ref counters[i].Left);
        }

        if (_tracer.IsDetached)
        {
            missed += unreturned - CallsUnderWay().Count(c => c.MayWait);
        }

        return new TraceStatistics(emitted, dropped + missed, filtered) { Missed = missed };
    }

    /// <summary>How many bound sockets were not remembered for lack of room.</summary>
    public long ReadForgotten()
    {
        long forgotten = 0;
        Counters* counters = (Counters*)_counters.Pointer;
        for (int i = 0; i < _sets; i++)
        {
            forgotten += Volatile.Read(ref counters[i].Forgotten);
        }

        return forgotten;
    }

    /// <summary>The calls that have been entered and not left: under way, or their returns have been missed.</summary>
    public IReadOnlyList<CallKey> CallsUnderWay()
    {
        List<CallKey> keys = [];
        int map = _tracer.Object.MapFd("calls");
        CallKey key = default;
        CallKey* previous = null;
        Call call;
        while (LibBpf.bpf_map_get_next_key(map, previous, &key) == 0)
        {
            if (LibBpf.bpf_map_lookup_elem(map, &key, &call) == 0 && call.UnderWay != 0)
            {
                keys.Add(key);
            }

            previous = &key;
        }

        return keys;
    }

    /// <summary>Waits briefly until calls in progress have returned, except those that may wait for long.</summary>
    public void AwaitReturns()
    {
        const int Patience = 250;
        long began = Environment.TickCount64;
        do
        {
            // At first for the programs that have not noticed yet that they are not to note down any more.
            Thread.Sleep(1);
        }
        while (AnyUnreturned() && Environment.TickCount64 - began < Patience && CallsUnderWay().Any(c => !c.MayWait));
    }

    public void Dispose() => _counters.Dispose();

    private bool AnyUnreturned()
    {
        long unreturned = 0;
        Counters* counters = (Counters*)_counters.Pointer;
        for (int i = 0; i < _sets; i++)
        {
            unreturned += Volatile.Read(ref counters[i].Entered) - Volatile.Read(ref counters[i].Left);
        }

        return unreturned != 0;
    }
}

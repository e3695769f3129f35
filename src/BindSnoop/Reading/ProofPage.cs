using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>
/// Where a tracer's programs find whose calls prove that it works. The others of this process find it as well, to
/// leave these calls out; one proof at a time.
/// </summary>
internal sealed unsafe class ProofPage : IDisposable
{
    private static readonly Lock s_turn = new();
    private static readonly Lock s_lock = new();
    private static readonly List<ProofPage> s_all = [];
    private static uint s_threadId;

    private readonly MemoryMap _memory;

    public ProofPage(LoadedTracer tracer)
    {
        _memory = MemoryMap.Map(tracer.Object.MapFd(ProofState.Map), (nuint)sizeof(ProofState), writable: true, 0);
        lock (s_lock)
        {
            s_all.Add(this);

            // It may be attached in the midst of the proof of another.
            Publish(s_threadId, isElsewhere: true);
        }
    }

    /// <summary>How many samples of proofs lie, or lay, in the ring buffer.</summary>
    public uint Sent => Volatile.Read(ref State->Sent);

    /// <summary>How many calls of proofs were seen and have none.</summary>
    public uint Lost => Volatile.Read(ref State->Lost);

    private ProofState* State => (ProofState*)_memory.Pointer;

    /// <summary>Makes the calls of the calling thread a proof, until the result is disposed of. Waits for other proofs.</summary>
    /// <param name="threadId">The thread, as programs know it.</param>
    public Turn Begin(uint threadId)
    {
        s_turn.Enter();
        TellAll(threadId);
        return default;
    }

    /// <summary>Whether a filter was against a call since this was asked last.</summary>
    public bool TakeRefused()
    {
        bool refused = State->Refused != 0;
        State->Refused = 0;
        return refused;
    }

    public void Dispose()
    {
        lock (s_lock)
        {
            s_all.Remove(this);
        }

        _memory.Dispose();
    }

    private void TellAll(uint threadId)
    {
        lock (s_lock)
        {
            s_threadId = threadId;
            foreach (ProofPage page in s_all)
            {
                page.Publish(threadId, isElsewhere: page != this);
            }
        }
    }

    private void Publish(uint threadId, bool isElsewhere)
    {
        Volatile.Write(ref State->Elsewhere, isElsewhere ? 1u : 0u);
        Volatile.Write(ref State->ThreadId, threadId);
    }

    /// <summary>The time in which a thread's calls are a proof.</summary>
    public readonly struct Turn : IDisposable
    {
        public void Dispose()
        {
            lock (s_lock)
            {
                s_threadId = 0;
                foreach (ProofPage page in s_all)
                {
                    page.Publish(0, isElsewhere: false);
                }
            }

            s_turn.Exit();
        }
    }
}

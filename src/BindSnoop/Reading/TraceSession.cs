using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>
/// An attached tracer and its accounts. Disposal leaves nothing in the kernel; safe from any thread, it waits for
/// readers of maps.
/// </summary>
internal abstract class TraceSession : IDisposable
{
    /// <summary>The error of a back end that is attached and reports nothing, or something else.</summary>
    public const string NotProven = "NotProven";

    private readonly object _lock = new();
    private readonly CallAccounting _accounting;
    private readonly CgroupWatch _cgroups;

    // Maps that a reader holds are not closed when they are disposed of, so they cannot show it.
    private bool _disposed;
    private bool _forgottenReported;

    protected TraceSession(LoadedTracer tracer, TraceFilter filter)
    {
        Tracer = tracer;
        _cgroups = new CgroupWatch(tracer, filter.Cgroup);
        _accounting = new CallAccounting(tracer);
        Proofs = new ProofPage(tracer);
    }

    public TracerDefinition Definition => Tracer.Definition;

    public Backend Backend => Tracer.Backend;

    /// <summary>Which calls that are asked for it does not see; empty if it sees all.</summary>
    public string Blind => Tracer.Blind;

    /// <summary>Whether it was seen to work, when that was tried last.</summary>
    public TraceProof Proof { get; private set; } = new(null, "", []);

    /// <summary>Where its programs find whose calls are a proof.</summary>
    public ProofPage Proofs { get; }

    protected LoadedTracer Tracer { get; }

    /// <summary>How many samples are, or were, in the ring buffer.</summary>
    protected abstract long Sent { get; }

    /// <summary>The outcomes of the calls so far.</summary>
    public TraceStatistics ReadStatistics() => Reading(() => _accounting.Read(Sent));

    /// <summary>
    /// Which cgroups of the filter are gone or back, and whether there is no room to remember more bound sockets, as far as
    /// that was not reported before; one sentence each.
    /// </summary>
    public IReadOnlyList<string> ReadWarnings() => Reading(() =>
    {
        IReadOnlyList<string> cgroups = _cgroups.Look();
        if (_forgottenReported || _accounting.ReadForgotten() == 0)
        {
            return cgroups;
        }

        _forgottenReported = true;
        return [.. cgroups, "More sockets are bound than a trace can remember: for some, it will be unknown how long they were bound."];
    });

    /// <summary>The calls that have been entered and not left: under way, or their returns have been missed.</summary>
    public IReadOnlyList<CallKey> CallsUnderWay() => Reading(_accounting.CallsUnderWay);

    /// <summary>The names of the programs that are attached.</summary>
    public IReadOnlyList<string> Programs() => Reading(() => Tracer.Object.Programs.Select(TracerObject.NameOf).ToArray());

    /// <summary>How often the kernel has left out the programs.</summary>
    public long RecursionMisses() => Reading(Tracer.Object.RecursionMisses);

    /// <summary>The samples of a proof since the last call. Not while anybody else reads.</summary>
    public abstract IReadOnlyList<byte[]> FindProofs();

    /// <summary>Tries again whether it works. Not while anybody else reads.</summary>
    /// <returns>Null if it is detached.</returns>
    public TraceProof? ProveAgain(Func<TraceSession, TraceProof> prove) => Reading(() => Tracer.IsDetached ? null : Proof = prove(this));

    /// <summary>Detaches everything; what is in the buffer and the maps can still be read.</summary>
    public void Detach()
    {
        lock (_lock)
        {
            DetachOnce();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                DetachOnce();
                DisposeReader();
                _accounting.Dispose();
                _cgroups.Dispose();
                Proofs.Dispose();
                Tracer.Dispose();
            }
        }
    }

    /// <summary>Loads a tracer for the first back end that works, and opens a session of it.</summary>
    protected static TSession Open<TSession>(
        TracerDefinition definition,
        Backend backend,
        Func<TraceConfiguration> configure,
        Func<LoadedTracer, TSession> create,
        Func<TraceSession, TraceProof> prove,
        out IReadOnlyList<BackendRefusal> refusals)
        where TSession : TraceSession
    {
        Platform.EnsureUsable();
        using TraceConfiguration configuration = configure();
        return LoadedTracer.Open(definition, configuration, backend, Attached, out refusals);

        TSession Attached(LoadedTracer tracer)
        {
            TSession session = create(tracer);
            try
            {
                tracer.Attach();
                session.Proof = prove(session);
                return session.Proof.Proven == false ? throw Disproven(tracer.Backend, session.Proof.Reason) : session;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
    }

    private static TraceException Disproven(Backend backend, string reason) => new(
        NotProven,
        TraceErrorKind.NotImplemented,
        $"The {backend} back end is attached, but does not work on this kernel: {reason}",
        "Use another back end, and please report this together with the support report.")
    {
        RefusesBackend = true,
    };

    /// <summary>Keeps the session from being disposed of while its maps are read.</summary>
    protected T Reading<T>(Func<T> read)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return read();
        }
    }

    /// <summary>Says to the programs that they are about to be detached.</summary>
    protected abstract void Leave();

    /// <summary>Releases what a session of this kind holds besides the maps.</summary>
    protected abstract void DisposeReader();

    // All hooks go at once, since the kernel takes its time with each. So first no call is under way any more that one of them
    // has seen begin, or it would seem to be lost.
    private void DetachOnce()
    {
        if (!Tracer.IsDetached)
        {
            Leave();
            _accounting.AwaitReturns();
            Tracer.Detach();
        }
    }
}

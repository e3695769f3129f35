using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>
/// An attached tracer and its accounts. Disposal leaves nothing in the kernel; safe from any thread, it waits for
/// whoever reads maps.
/// </summary>
internal abstract class TraceSession : IDisposable
{
    private readonly object _lock = new();
    private readonly CallAccounting _accounting;
    private readonly CgroupWatch _cgroups;

    // Maps that a reader holds are not closed when they are disposed of, so none can tell.
    private bool _disposed;

    protected TraceSession(LoadedTracer tracer, TraceFilter filter)
    {
        Tracer = tracer;
        _cgroups = new CgroupWatch(tracer, filter.Cgroup);
        _accounting = new CallAccounting(tracer);
    }

    public Backend Backend => Tracer.Backend;

    /// <summary>Which calls that are asked for it does not see; empty if it sees all.</summary>
    public string Blind => Tracer.Blind;

    protected LoadedTracer Tracer { get; }

    /// <summary>How many records are, or were, in the ring buffer.</summary>
    protected abstract long Sent { get; }

    /// <summary>What became of the calls so far.</summary>
    public TraceStatistics ReadStatistics() => Reading(() => _accounting.Read(Sent));

    /// <summary>Which cgroups of the filter are gone or back, as far as that was not reported before; one sentence each.</summary>
    public IReadOnlyList<string> ReadWarnings() => Reading(_cgroups.Look);

    /// <summary>The calls that have been entered and not left: under way, or their returns have been missed.</summary>
    public IReadOnlyList<CallKey> CallsUnderWay() => Reading(_accounting.CallsUnderWay);

    /// <summary>Detaches everything; what is in the buffer and the maps can still be read.</summary>
    public void Detach()
    {
        lock (_lock)
        {
            Tracer.Detach();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                Tracer.Detach();
                DisposeReader();
                _accounting.Dispose();
                _cgroups.Dispose();
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
                return session;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }
    }

    /// <summary>Keeps the session from being disposed of while its maps are read.</summary>
    protected T Reading<T>(Func<T> read)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return read();
        }
    }

    /// <summary>Releases what a session of this kind has beyond the maps.</summary>
    protected abstract void DisposeReader();
}

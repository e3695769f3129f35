using System.Runtime.ExceptionServices;
using BindSnoop.Loading;

namespace BindSnoop.Tests;

/// <summary>A trace of binds with a thread that reads it into a list.</summary>
internal sealed class Collector(TraceOptions options) : Collector<BindEvent>(new BindTracer(options));

/// <summary>A trace of accepts with a thread that reads it into a list; perhaps as on a kernel that lacks some functions.</summary>
internal sealed class AcceptCollector(TraceOptions options, params string[] missing)
    : Collector<AcceptEvent>(new AcceptTracer(
        missing.Length == 0 ? TracerDefinition.Accept : TracerDefinition.Accept with { Types = BpfTypes.OfKernelWithout(missing) }, options));

/// <summary>A trace of listens with a thread that reads it into a list.</summary>
internal sealed class ListenCollector(TraceOptions options) : Collector<ListenEvent>(new ListenTracer(options));

/// <summary>A trace of releases with a thread that reads it into a list.</summary>
internal sealed class ReleaseCollector(TraceOptions options) : Collector<ReleaseEvent>(new ReleaseTracer(options));

/// <summary>A trace with a thread that reads it into a list.</summary>
internal abstract class Collector<TEvent> : IDisposable
    where TEvent : TraceEvent
{
    private readonly List<TEvent> _events = [];
    private readonly Thread _reader;
    private ExceptionDispatchInfo? _failure;

    protected Collector(Tracer<TEvent> tracer)
    {
        Tracer = tracer;
        _reader = new Thread(Read) { IsBackground = true, Name = "reader" };
        _reader.Start();
    }

    public Tracer<TEvent> Tracer { get; }

    /// <summary>The kernel's number of the reading thread; known once it has seen an event.</summary>
    public int ReaderId { get; private set; }

    /// <summary>What there is so far.</summary>
    public IReadOnlyList<TEvent> Events
    {
        get
        {
            lock (_events)
            {
                return [.. _events];
            }
        }
    }

    /// <summary>Ends the trace and returns all that it saw.</summary>
    public IReadOnlyList<TEvent> Finish(out TraceStatistics statistics)
    {
        Tracer.Stop();
        Join();
        statistics = Tracer.ReadStatistics();
        return Events;
    }

    public IReadOnlyList<TEvent> Finish() => Finish(out _);

    /// <summary>Waits until something has been seen; returns whether it was before the time was up.</summary>
    public bool WaitFor(Predicate<TEvent> wanted, TimeSpan patience) => WaitUntil(() => _events.Exists(wanted), patience);

    /// <summary>Waits until so many have been seen.</summary>
    public bool WaitForCount(int count, TimeSpan patience) => WaitUntil(() => _events.Count >= count, patience);

    public void Dispose()
    {
        if (_reader.IsAlive)
        {
            Tracer.Stop();
            _reader.Join();
        }

        Tracer.Dispose();
    }

    private bool WaitUntil(Func<bool> reached, TimeSpan patience)
    {
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        lock (_events)
        {
            while (!reached())
            {
                long left = deadline - Environment.TickCount64;
                if (left <= 0 || !_reader.IsAlive)
                {
                    return false;
                }

                Monitor.Wait(_events, (int)left);
            }
        }

        return true;
    }

    private void Join()
    {
        if (!_reader.Join(TimeSpan.FromSeconds(30)))
        {
            throw new TimeoutException("The reader did not end after Stop.");
        }

        _failure?.Throw();
    }

    private void Read()
    {
        try
        {
            ReaderId = Sys.ThreadId();
            foreach (TEvent next in Tracer.Read())
            {
                lock (_events)
                {
                    _events.Add(next);
                    Monitor.PulseAll(_events);
                }
            }
        }
        catch (Exception exception)
        {
            _failure = ExceptionDispatchInfo.Capture(exception);
        }
    }
}

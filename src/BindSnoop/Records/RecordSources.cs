using System.Collections.Concurrent;
using BindSnoop.Host;
using BindSnoop.Reading;

namespace BindSnoop.Records;

/// <summary>
/// The tracers of a recorder, and what waits between their threads and the one that writes. All is called from that one.
/// </summary>
internal sealed class RecordSources : IDisposable
{
    /// <summary>How many batches of events may wait; beyond that, the kernel counts what does not fit.</summary>
    private const int MostBatches = 1024;

    private readonly BlockingCollection<Action> _arrived = new(MostBatches);
    private readonly List<TraceEvent> _waiting = [];
    private readonly List<IDisposable> _tracers = [];
    private readonly List<Source> _sources = [];
    private volatile Exception? _error;

    /// <summary>Called, on a separate thread, if the hourly proof shows that a tracer does not see calls.</summary>
    public Action<TraceProof>? OnFailure { get; set; }

    /// <summary>Why a tracer ended unexpectedly; null if none did.</summary>
    public Exception? Error => _error;

    /// <summary>Takes a tracer over, and begins to read from it.</summary>
    /// <param name="isEssential">Whether something cannot be known if it loses events.</param>
    public void Add<TEvent>(Tracer<TEvent> tracer, bool isEssential = true)
        where TEvent : TraceEvent
    {
        _tracers.Add(new ProofWatch(tracer.ProveAgain, proof => OnFailure?.Invoke(proof)));
        _tracers.Add(tracer);
        Source source = new()
        {
            Passed = () => tracer.Passed,
            Dropped = () => isEssential ? tracer.ReadStatistics().Dropped : 0,
            Look = tracer.Look,
            Stop = tracer.Stop,
        };
        _sources.Add(source);
        tracer.BeginReading(new Sink<TEvent>(tracer, this, source));
    }

    /// <summary>How many essential events were lost since the tracers began.</summary>
    public long CountDropped() => _sources.Sum(s => s.Dropped());

    /// <summary>Waits until something arrives.</summary>
    /// <returns>Whether something did.</returns>
    /// <exception cref="OperationCanceledException">It was asked to stop.</exception>
    public bool Wait(int milliseconds, CancellationToken cancellationToken)
    {
        if (!_arrived.TryTake(out Action? arrived, milliseconds, cancellationToken))
        {
            return false;
        }

        arrived();
        return true;
    }

    /// <summary>Waits until everything that has happened so far was received.</summary>
    /// <returns>The time, by the kernel's clock, until which everything was received; a little before now if events keep arriving.</returns>
    public long Synchronize()
    {
        const int Patience = 200;
        long now = KernelClock.Now;
        long began = Environment.TickCount64;
        foreach (Source source in _sources)
        {
            source.Look();
        }

        while (_sources.Exists(s => s.Passed() < now) && Environment.TickCount64 - began < Patience)
        {
            // Otherwise readers that wait for room would wait for us.
            TakeArrived();
            Thread.Sleep(1);
        }

        return Math.Min(now, _sources.Min(s => s.Passed()));
    }

    /// <summary>Takes what happened until then, in its order.</summary>
    /// <param name="until">By the kernel's clock.</param>
    public List<TraceEvent> TakeUntil(long until)
    {
        TakeArrived();
        _waiting.Sort((a, b) => a.KernelTime.CompareTo(b.KernelTime));
        int ready = _waiting.FindIndex(e => e.KernelTime > until) is >= 0 and int index ? index : _waiting.Count;
        List<TraceEvent> events = _waiting[..ready];
        _waiting.RemoveRange(0, ready);
        return events;
    }

    /// <summary>Ends tracing, and waits until all events were received.</summary>
    public void Stop()
    {
        foreach (Source source in _sources)
        {
            source.Stop();
        }

        while (_sources.Exists(s => !s.HasEnded))
        {
            TakeArrived();
            Thread.Sleep(1);
        }
    }

    public void Dispose()
    {
        foreach (IDisposable tracer in _tracers)
        {
            tracer.Dispose();
        }

        _arrived.Dispose();
    }

    private void TakeArrived()
    {
        while (_arrived.TryTake(out Action? arrived))
        {
            arrived();
        }
    }

    /// <summary>A tracer of any kind.</summary>
    private sealed class Source
    {
        private volatile bool _hasEnded;

        public required Func<long> Passed { get; init; }

        public required Func<long> Dropped { get; init; }

        public required Action Look { get; init; }

        public required Action Stop { get; init; }

        public bool HasEnded => _hasEnded;

        public void End() => _hasEnded = true;
    }

    private sealed class Sink<TEvent>(Tracer<TEvent> tracer, RecordSources sources, Source source) : ISampleSink<EventContext>
        where TEvent : TraceEvent
    {
        public bool Put(SampleBatch<EventContext> samples, int timeoutMilliseconds, CancellationToken cancellationToken) =>
            sources._arrived.TryAdd(() => Take(samples), timeoutMilliseconds, cancellationToken);

        public void Complete(Exception? error)
        {
            sources._error ??= error;
            source.End();
        }

        private void Take(SampleBatch<EventContext> samples)
        {
            for (int index = 0; index < samples.Count; index++)
            {
                if (tracer.Make(samples, index) is { } next)
                {
                    sources._waiting.Add(next);
                }
            }

            samples.Release();
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using BindSnoop.Loading;
using BindSnoop.Metrics;
using BindSnoop.Reading;

namespace BindSnoop.Background;

/// <summary>
/// Collects events in the background, into a bounded queue from which the oldest are dropped, and counted, when it
/// is full.
/// </summary>
internal sealed class EventWorker : TraceWorker, ISampleSink<EventContext>
{
    private readonly Tracer<BindEvent> _tracer;
    private readonly Channel<BindEvent> _queue;
    private long _received;
    private long _overflowed;
    private volatile Exception? _error;
    private volatile bool _hasEnded;

    public EventWorker(Tracer<BindEvent> tracer, int maxQueued)
    {
        _tracer = tracer;
        _queue = Channel.CreateBounded<BindEvent>(
            new BoundedChannelOptions(maxQueued)
            {
                FullMode = BoundedChannelFullMode.DropOldest,
                SingleWriter = true,
                // Who waits is only woken.
                AllowSynchronousContinuations = true,
            },
            _ => Interlocked.Increment(ref _overflowed));
        _tracer.Metrics.ReadQueue = () => (Queued, Overflowed);
        while (_tracer.TakeExisting() is { } existing)
        {
            Put(existing);
        }

        _tracer.BeginReading(this);
    }

    public override Backend Backend => _tracer.Backend;

    public override string Blind => _tracer.Blind;

    public override TraceProof Proof => _tracer.Proof;

    public override IReadOnlyList<BackendRefusal> Refusals => _tracer.Refusals;

    public override TraceMetrics Metrics => _tracer.Metrics;

    public override Exception? Error => _error;

    public override bool HasEnded => _hasEnded;

    public override long Overflowed => Volatile.Read(ref _overflowed);

    public override long NotExplained => (_tracer as BindTracer)?.NotExplained ?? 0;

    public override int Queued => _queue.Reader.Count;

    public override TraceProof? ProveAgain() => _tracer.ProveAgain();

    public override TraceStatistics ReadStatistics() => _tracer.ReadStatistics();

    public override IReadOnlyList<string> ReadWarnings() => _tracer.ReadWarnings();

    public override long CountReceived(TraceStatistics statistics) => Volatile.Read(ref _received);

    public override bool TryTake([NotNullWhen(true)] out BindEvent? next) => _queue.Reader.TryRead(out next);

    public override Task<bool> WaitAsync(CancellationToken cancellationToken) => _queue.Reader.WaitToReadAsync(cancellationToken).AsTask();

    public override void Stop()
    {
        _tracer.Stop();
        _tracer.JoinReader();
    }

    public override void Dispose()
    {
        _tracer.Dispose();
        while (_queue.Reader.TryRead(out _))
        {
        }
    }

    bool ISampleSink<EventContext>.Put(SampleBatch<EventContext> samples, int timeoutMilliseconds, CancellationToken cancellationToken)
    {
        for (int index = 0; index < samples.Count; index++)
        {
            if (_tracer.Make(samples, index) is { } next)
            {
                Put(next);
            }
        }

        samples.Release();
        return true;
    }

    private void Put(BindEvent next)
    {
        _queue.Writer.TryWrite(next);
        Interlocked.Increment(ref _received);
    }

    void ISampleSink<EventContext>.Complete(Exception? error)
    {
        _error = error;
        _hasEnded = true;

        // Without the error: what was collected until then is still there to be taken, and Error shows it.
        _queue.Writer.TryComplete();
    }
}

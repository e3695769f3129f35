using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace BindSnoop.Reading;

/// <summary>
/// Samples that were read and not emitted yet: in batches, in order, and bounded, so that the reading thread waits and the
/// kernel counts what does not fit. One thread adds, one takes.
/// </summary>
internal sealed class ReadAhead<TContext> : ISampleSink<TContext>
{
    private readonly Channel<SampleBatch<TContext>> _batches;
    private SampleBatch<TContext>? _batch;
    private int _next = -1;
    private int _waiting;

    /// <param name="capacity">How many samples may wait, in whole batches.</param>
    public ReadAhead(int capacity) =>
        _batches = Channel.CreateBounded<SampleBatch<TContext>>(new BoundedChannelOptions(Math.Max(1, capacity / TimeOrder<TContext>.Capacity))
        {
            SingleReader = true,
            SingleWriter = true,
            // Each side only wakes the other; by way of the thread pool that would take two wake-ups.
            AllowSynchronousContinuations = true,
        });

    /// <summary>How many were waiting at the worst moment so far.</summary>
    public int MostWaiting { get; private set; }

    public bool Put(SampleBatch<TContext> samples, int timeoutMilliseconds, CancellationToken cancellationToken)
    {
        MostWaiting = Math.Max(MostWaiting, Interlocked.Add(ref _waiting, samples.Count));
        while (!_batches.Writer.TryWrite(samples))
        {
            Task<bool> room = _batches.Writer.WaitToWriteAsync(cancellationToken).AsTask();
            if (Task.WaitAny([room], timeoutMilliseconds, CancellationToken.None) < 0)
            {
                Interlocked.Add(ref _waiting, -samples.Count);
                return false;
            }

            room.GetAwaiter().GetResult();
        }

        return true;
    }

    public void Complete(Exception? error) => _batches.Writer.TryComplete(error);

    /// <summary>The next sample, if one is there: the one with that index. It is there until the next call.</summary>
    public bool TryTake([NotNullWhen(true)] out SampleBatch<TContext>? batch, out int index)
    {
        if (++_next >= (_batch?.Count ?? 0))
        {
            _batch?.Release();
            _next = -1;
            if (!_batches.Reader.TryRead(out _batch))
            {
                batch = null;
                index = -1;
                return false;
            }

            _next = 0;
            Interlocked.Add(ref _waiting, -_batch.Count);
        }

        batch = _batch!;
        index = _next;
        return true;
    }

    /// <summary>
    /// Begins to wait: the task gives true when there is something to take, and false, or the error, when nothing
    /// will come any more.
    /// </summary>
    public Task<bool> WaitAsync(CancellationToken cancellationToken) => _batches.Reader.WaitToReadAsync(cancellationToken).AsTask();
}

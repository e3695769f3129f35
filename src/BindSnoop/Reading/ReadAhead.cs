using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace BindSnoop.Reading;

/// <summary>
/// What has been read and not been handed out yet: in batches, in order, and bounded, so that the reading thread
/// waits and the kernel counts what it has no room for. One thread puts, one takes.
/// </summary>
internal sealed class ReadAhead<T> : IRecordSink<T>
    where T : class
{
    private readonly Channel<T[]> _batches;
    private T[] _batch = [];
    private int _next;
    private int _waiting;

    /// <param name="capacity">How many records may wait, in whole batches.</param>
    public ReadAhead(int capacity) =>
        _batches = Channel.CreateBounded<T[]>(new BoundedChannelOptions(Math.Max(1, capacity / TimeOrder<T>.Capacity))
        {
            SingleReader = true,
            SingleWriter = true,
            // Each side only wakes the other; by way of the thread pool that would take two wake-ups.
            AllowSynchronousContinuations = true,
        });

    /// <summary>How many were waiting at the worst moment so far.</summary>
    public int MostWaiting { get; private set; }

    public bool Put(T[] records, int timeoutMilliseconds, CancellationToken cancellationToken)
    {
        MostWaiting = Math.Max(MostWaiting, Interlocked.Add(ref _waiting, records.Length));
        while (!_batches.Writer.TryWrite(records))
        {
            Task<bool> room = _batches.Writer.WaitToWriteAsync(cancellationToken).AsTask();
            if (Task.WaitAny([room], timeoutMilliseconds, CancellationToken.None) < 0)
            {
                Interlocked.Add(ref _waiting, -records.Length);
                return false;
            }

            room.GetAwaiter().GetResult();
        }

        return true;
    }

    public void Complete(Exception? error) => _batches.Writer.TryComplete(error);

    /// <summary>The next record, if one is there.</summary>
    public bool TryTake([NotNullWhen(true)] out T? next)
    {
        if (_next == _batch.Length)
        {
            if (!_batches.Reader.TryRead(out T[]? batch))
            {
                next = null;
                return false;
            }

            _batch = batch;
            _next = 0;
            Interlocked.Add(ref _waiting, -batch.Length);
        }

        next = _batch[_next];
        _batch[_next++] = null!;
        return true;
    }

    /// <summary>
    /// Begins to wait: the task gives true when there is something to take, and false, or the error, when nothing
    /// will come any more.
    /// </summary>
    public Task<bool> WaitAsync(CancellationToken cancellationToken) => _batches.Reader.WaitToReadAsync(cancellationToken).AsTask();
}

using BindSnoop.Metrics;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>Makes an event of a record.</summary>
internal delegate TEvent EventDecoder<out TEvent>(ReadOnlySpan<byte> record, EventEnricher enricher);

/// <summary>The thread that reads records, makes events of them and hands these over in the order of time.</summary>
/// <param name="session">Where the records are from.</param>
/// <param name="metrics">What counts the events.</param>
/// <param name="decode">Makes an event of a record.</param>
internal sealed class EventReader<TEvent>(EventSession session, TraceMetrics metrics, EventDecoder<TEvent> decode) : IDisposable
    where TEvent : TraceEvent
{
    private readonly CancellationTokenSource _abandoned = new();
    private readonly TimeOrder<TEvent> _order = new();
    private readonly EventEnricher _enricher = new();
    private long? _firstKernelTime;
    private Thread? _thread;
    private long _deadline = long.MaxValue;
    private volatile bool _stopRequested;

    /// <summary>What is handed out before anything else.</summary>
    public required Func<IReadOnlyList<TEvent>> Existing { get; init; }

    /// <summary>Whether an event is of what was handed out then.</summary>
    public required Func<TEvent, bool> IsKnown { get; init; }

    /// <summary>Whether nobody wants the rest.</summary>
    public bool IsAbandoned => _abandoned.IsCancellationRequested;

    // -1: without end.
    private int MillisecondsLeft
    {
        get
        {
            long deadline = Volatile.Read(ref _deadline);
            return deadline == long.MaxValue ? -1 : (int)Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue);
        }
    }

    /// <summary>Sets when to stop, from now on; null: never.</summary>
    public void EndAfter(TimeSpan? duration) =>
        Volatile.Write(ref _deadline, duration is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue);

    /// <summary>Begins, if that has not happened yet. One thread at a time.</summary>
    public void Begin(IRecordSink<TEvent> sink)
    {
        if (_thread is null)
        {
            _thread = new Thread(() => ReadInto(sink)) { IsBackground = true, Name = "event reader" };
            _thread.Start();
        }
        else
        {
            // There may be another deadline.
            session.Buffer.Interrupt();
        }
    }

    /// <summary>Makes it detach, hand over the rest and end. Safe from any thread.</summary>
    public void Stop()
    {
        _stopRequested = true;
        session.Buffer.Interrupt();
    }

    /// <summary>Makes it end without the rest.</summary>
    public void Abandon()
    {
        _abandoned.Cancel();
        Stop();
    }

    /// <summary>Waits until it has ended, and everything was put where it goes.</summary>
    public void Join() => _thread?.Join();

    public void Dispose() => _abandoned.Dispose();

    private void ReadInto(IRecordSink<TEvent> sink)
    {
        Exception? failure = null;
        try
        {
            foreach (TEvent[] batch in Existing().Chunk(TimeOrder<TEvent>.Capacity))
            {
                HandOver(batch, sink);
            }

            while (!_stopRequested && MillisecondsLeft != 0)
            {
                if (!ReadBatch(sink))
                {
                    session.Buffer.Wait(MillisecondsLeft);
                }
            }

            Drain(sink);
        }
        catch (OperationCanceledException)
        {
            // Nobody wants the rest.
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to whoever takes the events; on this thread it would end the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        sink.Complete(failure);
    }

    /// <summary>Reads what there is, up to one batch, and hands it over; false if there was nothing.</summary>
    private bool ReadBatch(IRecordSink<TEvent> sink)
    {
        RingBuffer buffer = session.Buffer;
        ReadOnlySpan<byte> record = buffer.Read();
        if (!record.IsEmpty)
        {
            _enricher.BeginBatch();
        }

        for (; !record.IsEmpty; record = _order.IsFull ? default : buffer.Read())
        {
            TEvent next = decode(record, _enricher);
            metrics.Count(next);
            if (!IsKnown(next))
            {
                _order.Add(next, next.KernelTime);
            }
        }

        TEvent[] batch = _order.Take();
        if (batch.Length == 0)
        {
            return false;
        }

        HandOver(batch, sink);
        return true;
    }

    private void HandOver(TEvent[] batch, IRecordSink<TEvent> sink)
    {
        _firstKernelTime ??= batch[0].KernelTime;
        foreach (TEvent next in batch)
        {
            next.FirstKernelTime = _firstKernelTime.Value;
        }

        // However long the taker takes, the trace ends on time.
        if (!sink.Put(batch, MillisecondsLeft, _abandoned.Token))
        {
            session.Detach();
            sink.Put(batch, Timeout.Infinite, _abandoned.Token);
        }
    }

    private void Drain(IRecordSink<TEvent> sink)
    {
        session.Detach();

        // A program that was running at the moment of detaching may not have finished its record.
        for (int looks = 0; looks < 100; looks++)
        {
            while (ReadBatch(sink))
            {
            }

            if (session.Buffer.IsEmpty || IsAbandoned)
            {
                break;
            }

            Thread.Sleep(1);
        }
    }
}

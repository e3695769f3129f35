using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Metrics;
using BindSnoop.Reading;

namespace BindSnoop;

/// <summary>The thread that reads samples, looks up what belongs to them and hands them over in the order of time.</summary>
/// <param name="session">Where the samples are from.</param>
/// <param name="codec">What is known of the samples.</param>
/// <param name="containers">Leaves some of them out.</param>
/// <param name="metrics">What counts the events.</param>
internal sealed class EventReader(EventSession session, IEventCodec codec, ContainerFilter containers, TraceMetrics metrics) : IDisposable
{
    private const int LooksAfter = 1024;

    private readonly CancellationTokenSource _abandoned = new();
    private readonly TimeOrder<EventContext> _order = new(session.SampleSize);
    private readonly EventEnricher _enricher = new();
    private readonly Queue<Task> _errands = [];
    private Thread? _thread;
    private bool _hasEnded;
    private long _deadline = long.MaxValue;
    private volatile bool _stopRequested;
    private long _passed;
    private long _leftOut;

    /// <summary>Whether the rest is not wanted.</summary>
    public bool IsAbandoned => _abandoned.IsCancellationRequested;

    /// <summary>A time of the kernel's clock, in nanoseconds, up to which all events were delivered.</summary>
    public long Passed => Volatile.Read(ref _passed);

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
    public void Begin(ISampleSink<EventContext> sink)
    {
        if (_thread is null)
        {
            // An errand may be under way.
            lock (_errands)
            {
                _thread = new Thread(() => ReadInto(sink)) { IsBackground = true, Name = "event reader" };
                _thread.Start();
            }
        }
        else
        {
            // There may be another deadline.
            session.Buffer.Interrupt();
        }
    }

    /// <summary>Does something while nothing is read: on the thread that reads, between two batches, or on this one if there is none.</summary>
    public T Between<T>(Func<T> errand)
    {
        Task<T> task = new(errand);
        lock (_errands)
        {
            if (_thread is null || _hasEnded)
            {
                task.RunSynchronously();
            }
            else
            {
                _errands.Enqueue(task);
            }
        }

        session.Buffer.Interrupt();
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Makes it look now, and bring <see cref="Passed"/> up to date. Safe from any thread.</summary>
    public void Look() => session.Buffer.Interrupt();

    /// <summary>Makes it detach, deliver the rest and end. Safe from any thread.</summary>
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

    private void ReadInto(ISampleSink<EventContext> sink)
    {
        Exception? failure = null;
        try
        {
            while (!_stopRequested && MillisecondsLeft != 0)
            {
                RunErrands();
                long before = KernelClock.Now;
                if (!ReadBatch(sink))
                {
                    // The room of a sample is reserved before its time is taken, so one that is still to come is of later.
                    if (session.Buffer.IsEmpty)
                    {
                        Volatile.Write(ref _passed, before);
                    }

                    session.Buffer.Wait(MillisecondsLeft);
                }
            }

            Drain(sink);
        }
        catch (OperationCanceledException)
        {
            // The rest is not wanted.
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to the taker of the events; on this thread it would end the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        lock (_errands)
        {
            _hasEnded = true;
            RunErrands();
        }

        sink.Complete(failure);
    }

    private void RunErrands()
    {
        while (true)
        {
            Task? errand;
            lock (_errands)
            {
                if (!_errands.TryDequeue(out errand))
                {
                    return;
                }
            }

            // Its exceptions are for the thread that waits for it.
            errand.RunSynchronously();
        }
    }

    /// <summary>Reads what there is, up to one batch, and hands it over; false if there was nothing.</summary>
    private bool ReadBatch(ISampleSink<EventContext> sink)
    {
        RingBuffer buffer = session.Buffer;
        ReadOnlySpan<byte> sample = buffer.Read();
        if (!sample.IsEmpty)
        {
            _enricher.BeginBatch();
        }

        for (; !sample.IsEmpty; sample = _order.IsFull ? default : buffer.Read())
        {
            if (containers.IsSet && !containers.Wants(MemoryMarshal.AsRef<SampleOrigin>(sample)))
            {
                // However many others come, the trace ends on time.
                if (++_leftOut % LooksAfter == 0 && (_stopRequested || MillisecondsLeft == 0))
                {
                    session.Detach();
                }

                continue;
            }

            EventContext context = codec.LookUp(sample, _enricher);
            if (metrics.IsCounting)
            {
                metrics.Count(codec.Decode(sample, context));
            }

            _order.Add(sample, context, (long)MemoryMarshal.AsRef<SampleOrigin>(sample).Time);
        }

        if (_order.Take() is not { } batch)
        {
            return false;
        }

        HandOver(batch, sink);
        return true;
    }

    private void HandOver(SampleBatch<EventContext> batch, ISampleSink<EventContext> sink)
    {
        // However long the taker takes, the trace ends on time.
        if (!sink.Put(batch, MillisecondsLeft, _abandoned.Token))
        {
            session.Detach();
            sink.Put(batch, Timeout.Infinite, _abandoned.Token);
        }
    }

    private void Drain(ISampleSink<EventContext> sink)
    {
        session.Detach();

        // A program that was running at the moment of detaching may not have finished its sample.
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

using System.Diagnostics;
using BindSnoop.Host;

namespace BindSnoop.Records;

/// <summary>
/// Brings into a record what tracers deliver, in its order, and why binds failed as that gets known; looks at all sockets for
/// what the tracers do not see; and begins a gap where calls were lost. After a failure to write it is of no more use.
/// </summary>
/// <param name="writer">Taken over.</param>
/// <param name="warn">Called with messages, one sentence each.</param>
internal sealed class RecordKeeper(RecordSources sources, RecordWriter writer, Action<string> warn) : IDisposable
{
    private const int MostFindings = 65536;

    // How often to look at all sockets, as long as that takes no more than a fiftieth of the time.
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);
    private const int LookShare = 50;

    private static readonly TimeSpan s_prune = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly Queue<(long Row, Task<BindFinding> Finding)> _findings = new();
    private long _dropped = sources.CountDropped();
    private long _lastLook;
    private long _lastPrune;
    private TimeSpan _lookTime;
    private long _until;

    /// <summary>Begins with what there is.</summary>
    /// <param name="kernelTime">When the writer began.</param>
    public void Begin(long kernelTime)
    {
        Look();
        if (!writer.IsKnown)
        {
            writer.BeginGap(writer.TimeOf(kernelTime), RecordGapReason.Unseen);
        }

        writer.Commit(writer.TimeOf(_until));
    }

    /// <summary>Writes down what has come, as far as nothing of before can still come.</summary>
    public void Keep() => KeepUntil(Synchronize());

    /// <summary>Once a second: losses, the clock, what was let go, what is too old; and all of it to the disk.</summary>
    public void Tick(RecordLimits limits)
    {
        if (RecordClock.Read(out long kernelTime, out long utc))
        {
            writer.CheckClock(kernelTime, utc);
        }

        long until = Synchronize();
        KeepUntil(until);
        if (CountLosses() || writer.InGap || Stopwatch.GetElapsedTime(_lastLook) >= s_look)
        {
            Look();
        }

        if (Stopwatch.GetElapsedTime(_lastPrune) >= s_prune)
        {
            _lastPrune = Stopwatch.GetTimestamp();
            writer.Prune(writer.TimeOf(until) - (long)limits.Time.TotalMicroseconds, limits.Bytes);
        }

        writer.Commit(writer.TimeOf(until));
    }

    /// <summary>Looks at all sockets, however long that takes.</summary>
    public void LookAtOnce()
    {
        _lookTime = TimeSpan.Zero;
        Look();
    }

    /// <summary>Writes everything received, and waits briefly for the causes of the last failures.</summary>
    public void KeepRest()
    {
        KeepUntil(long.MaxValue);
        _ = Task.WaitAll([.. _findings.Select(f => f.Finding)], s_patience);
        KeepUntil(long.MaxValue);
    }

    /// <summary>Writes down that this is the end.</summary>
    /// <param name="now">When the tracing was stopped.</param>
    public void End(long now)
    {
        CountLosses();
        writer.Commit(writer.TimeOf(sources.Error is null ? now : _until), hasEnded: sources.Error is null);
    }

    public void Dispose() => writer.Dispose();

    private long Synchronize() => _until = sources.Synchronize();

    private void KeepUntil(long until)
    {
        foreach (TraceEvent next in sources.TakeUntil(until))
        {
            Write(next);
        }

        while (_findings.TryPeek(out (long Row, Task<BindFinding> Finding) first) && (first.Finding.IsCompleted || _findings.Count > MostFindings))
        {
            _findings.Dequeue();
            if (first.Finding.IsCompletedSuccessfully)
            {
                writer.Explain(first.Row, first.Finding.Result);
            }
        }
    }

    private void Write(TraceEvent next)
    {
        switch (next)
        {
            case BindEvent bind:
                long row = writer.Add(bind);
                if (row != 0 && bind.Finding is { } finding)
                {
                    _findings.Enqueue((row, finding));
                }

                break;
            case ListenEvent listen:
                writer.Add(listen);
                break;
            case ReleaseEvent release:
                writer.Add(release);
                break;
        }
    }

    /// <summary>Looks at all sockets, unless that would take too much of the time.</summary>
    private void Look()
    {
        if (Stopwatch.GetElapsedTime(_lastLook) < LookShare * _lookTime)
        {
            return;
        }

        long began = Stopwatch.GetTimestamp();
        long begin = KernelClock.Now;
        writer.BeginLook(writer.TimeOf(begin));
        SocketSnapshot snapshot = SocketSnapshot.Take(new SocketFilter { All = true });
        long end = KernelClock.Now;
        _lookTime = Stopwatch.GetElapsedTime(began);
        _lastLook = Stopwatch.GetTimestamp();

        // A socket that it saw may have been bound during the scan, and its event may still be on the way.
        long until = Synchronize();
        KeepUntil(until);
        writer.Reconcile(
            snapshot.Sockets, writer.TimeOf(begin), writer.TimeOf(end), isWhole: until >= end && snapshot.Refusal is null && snapshot.Unseen.Count == 0);
    }

    /// <summary>Notices if calls were lost.</summary>
    private bool CountLosses()
    {
        long dropped = sources.CountDropped();
        if (dropped == _dropped)
        {
            return false;
        }

        if (!writer.InGap)
        {
            warn("Calls were lost, which the record shows as a gap: they arrived faster than they were recorded, or the kernel did not report them.");
        }

        writer.BeginGap(writer.Alive, RecordGapReason.Lost, dropped - _dropped);
        _dropped = dropped;
        return true;
    }
}

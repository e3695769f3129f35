using System.Collections.Concurrent;
using System.Diagnostics;
using BindSnoop.Sockets;

namespace BindSnoop.Diagnosis;

/// <summary>
/// Explains failed binds on a thread of its own, at once, and never keeps anybody waiting who reads events: of more
/// failures than it can look into, the rest are not, and each of them says so. Those that wait are answered from one
/// snapshot, and it rests as long as it works.
/// </summary>
internal sealed class BindExplainer : IDisposable
{
    // For those that still wait when the trace ends.
    private const int EndPatience = 1000;

    /// <summary>How many failures may wait.</summary>
    internal const int MostPending = 256;

    private static readonly BindFinding s_skipped = new(
        BindCause.Unknown, "Diagnosis was skipped: binds fail faster than they can be looked into.", []);

    private static readonly BindFinding s_ended = new(BindCause.Unknown, "Diagnosis was skipped: the trace ended before.", []);

    private readonly BlockingCollection<(BindEvent Event, TaskCompletionSource<BindFinding> Answer)> _pending = new(MostPending);
    private readonly SocketProgram? _program;
    private readonly Thread _thread;
    private volatile bool _ended;
    private long _deadline = long.MaxValue;
    private long _skipped;

    public BindExplainer()
    {
        try
        {
            _program = new SocketProgram();
        }
        catch (TraceException)
        {
            // Then each look is by netlink and /proc.
        }

        _thread = new Thread(Run) { IsBackground = true, Name = "bind explainer" };
        _thread.Start();
    }

    /// <summary>How many failures were not looked into.</summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>Begins to look for why a bind failed.</summary>
    public Task<BindFinding> Begin(BindEvent failed)
    {
        TaskCompletionSource<BindFinding> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            if (!_pending.TryAdd((failed, answer)))
            {
                Skip(answer, s_skipped);
            }
        }
        catch (InvalidOperationException)
        {
            Skip(answer, s_ended);
        }

        return answer.Task;
    }

    /// <summary>
    /// Ends the thread once it has looked into those failures that wait, for a second at most; the rest say that they were
    /// not, as do those that come later.
    /// </summary>
    public void End()
    {
        if (_ended)
        {
            return;
        }

        Volatile.Write(ref _deadline, Environment.TickCount64 + EndPatience);
        _ended = true;
        _pending.CompleteAdding();
        _thread.Join();
    }

    /// <summary>Releases everything, once nobody calls <see cref="Begin"/> any more.</summary>
    public void Dispose()
    {
        End();
        _program?.Dispose();
        _pending.Dispose();
    }

    private void Run()
    {
        List<(BindEvent Event, TaskCompletionSource<BindFinding> Answer)> batch = new(MostPending);
        foreach (var first in _pending.GetConsumingEnumerable())
        {
            batch.Clear();
            batch.Add(first);
            while (batch.Count < MostPending && _pending.TryTake(out var next))
            {
                batch.Add(next);
            }

            Stopwatch time = Stopwatch.StartNew();
            Answer(batch);
            if (!_ended && batch.Count > 1)
            {
                // Not more than half of a processor, however many fail.
                Thread.Sleep(time.Elapsed);
            }
        }
    }

    private void Answer(List<(BindEvent Event, TaskCompletionSource<BindFinding> Answer)> batch)
    {
        FailureRules? rules = null;
        foreach ((BindEvent failed, TaskCompletionSource<BindFinding> answer) in batch)
        {
            if (Environment.TickCount64 > Volatile.Read(ref _deadline))
            {
                Skip(answer, s_ended);
                continue;
            }

            try
            {
                rules ??= new FailureRules(TakeSnapshot(batch));
                answer.SetResult(rules.Explain(failed));
            }
#pragma warning disable CA1031 // On this thread it would end the process; the event has it instead.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                answer.SetResult(new BindFinding(BindCause.Unknown, $"Diagnosis failed: {DisplayText.Escape(exception.Message)}", []));
            }
        }
    }

    private void Skip(TaskCompletionSource<BindFinding> answer, BindFinding why)
    {
        Interlocked.Increment(ref _skipped);
        answer.SetResult(why);
    }

    private IReadOnlyList<BindSocket> TakeSnapshot(List<(BindEvent Event, TaskCompletionSource<BindFinding> Answer)> batch)
    {
        if (!batch.Exists(b => FailureRules.NeedsSockets(b.Event)))
        {
            return [];
        }

        // Which port a socket is bound to that was to be bound again, its failure does not say.
        bool isEvery = batch.Exists(b => FailureRules.NeedsEveryPort(b.Event));
        SocketFilter filter = new()
        {
            All = true,
            Port = isEvery ? [] : [.. batch.Select(b => (ushort)b.Event.RequestedPort).Distinct().Select(p => new PortRange(p, p))],
        };
        return _program is null ? SocketSnapshot.Take(filter).Sockets : KernelSockets.Read(_program, new SocketSelection(filter), []);
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Sockets;

namespace BindSnoop.Diagnosis;

/// <summary>
/// Explains failed calls of bind() and listen() at once, on a separate thread, and never delays reading events: failures beyond
/// what it can diagnose are skipped, and say so. Those that wait are answered from one
/// snapshot, and it rests as long as it works.
/// </summary>
internal sealed class BindExplainer : IDisposable
{
    // For failures that still wait when the trace ends.
    private const int EndPatience = 1000;

    /// <summary>How many failures may wait.</summary>
    internal const int MostPending = 256;

    private static readonly BindFinding s_skipped = new(
        BindCause.Unknown, "Diagnosis was skipped: calls fail faster than they can be diagnosed.", []);

    private static readonly BindFinding s_ended = new(BindCause.Unknown, "Diagnosis was skipped: the trace ended first.", []);

    private readonly BlockingCollection<(FailedCall Call, TaskCompletionSource<BindFinding> Answer)> _pending = new(MostPending);
    private readonly SocketProgram? _program;
    private readonly Thread _thread;
    private volatile bool _ended;
    private long _deadline = long.MaxValue;
    private long _skipped;

    public BindExplainer()
    {
        try
        {
            _program = new SocketProgram(findsOwners: true);
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

    /// <summary>Begins to look for why a call failed.</summary>
    public Task<BindFinding> Begin(FailedCall failed)
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

    /// <summary>Releases everything. Do not call <see cref="Begin"/> afterwards.</summary>
    public void Dispose()
    {
        End();
        _program?.Dispose();
        _pending.Dispose();
    }

    private void Run()
    {
        List<(FailedCall Call, TaskCompletionSource<BindFinding> Answer)> batch = new(MostPending);
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

    private void Answer(List<(FailedCall Call, TaskCompletionSource<BindFinding> Answer)> batch)
    {
        FailureRules? rules = null;
        foreach ((FailedCall failed, TaskCompletionSource<BindFinding> answer) in batch)
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

    private IReadOnlyList<BindSocket> TakeSnapshot(List<(FailedCall Call, TaskCompletionSource<BindFinding> Answer)> batch)
    {
        FailedCall[] failures = [.. batch.Select(b => b.Call).Where(FailureRules.NeedsSockets)];
        if (failures.Length == 0)
        {
            return [];
        }

        if (_program is not null && Search(_program, failures) is { } found)
        {
            return found;
        }

        // Which port a socket is bound to that was to be bound again, its failure does not say.
        bool isEvery = failures.Any(FailureRules.NeedsEveryPort);
        SocketFilter filter = new()
        {
            All = true,
            Port = isEvery ? [] : [.. failures.Select(f => (ushort)f.Port).Distinct().Select(p => new PortRange(p, p))],
        };
        return _program is null ? SocketSnapshot.Take(filter).Sockets : BpfSockets.Read(_program, new SocketSelection(filter), []);
    }

    /// <summary>Looks only where the relevant sockets must be; null if that is unknown, or they are gone.</summary>
    private static IReadOnlyList<BindSocket>? Search(SocketProgram program, FailedCall[] failures)
    {
        if (!failures.Any(FailureRules.NeedsEveryPort))
        {
            (SocketTable Table, uint, ushort)[] ports =
                [.. failures.Select(f => ((SocketTable)BindClaim.PortsOf(f.ProtocolNumber), f.NetworkNamespace, (ushort)f.Port))];
            return ports.All(p => Enum.IsDefined(p.Table)) ? BpfSockets.ReadPorts(program, ports) : null;
        }

        List<BindSocket> bound = [];
        foreach (FailedCall failed in failures)
        {
            // Where ids are those of another PID namespace, the kernel's are not known.
            if (failed.ErrorCode != Errno.EINVAL || !Processes.SeesAll ||
                BpfSockets.Find(program, failed.ProcessId, (ulong)failed.Inode) is not { } socket)
            {
                return null;
            }

            bound.Add(socket);
        }

        return bound;
    }
}

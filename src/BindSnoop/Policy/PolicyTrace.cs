using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace BindSnoop;

/// <summary>
/// A live trace of the calls that a policy judges, including failed ones. A separate thread reads each kind; callbacks run on
/// the thread of <see cref="Read"/>.
/// </summary>
internal sealed class PolicyTrace : IDisposable
{
    // Beyond that, events wait in the tracers.
    private const int MostWaiting = 4096;

    private const int MillisecondsBetweenLooks = 200;

    private readonly BlockingCollection<Action> _arrived = new(MostWaiting);
    private readonly CancellationTokenSource _abandoned = new();
    private readonly List<Source> _sources = [];

    /// <summary>Attaches.</summary>
    /// <exception cref="TraceException">An option is wrong, or no back end works.</exception>
    public PolicyTrace(BindPolicy policy, TraceOptions options)
    {
        options = options with
        {
            Filter = options.Filter with { IncludeError = true },
            Explain = policy.Rules.Any(r => r.Cause.Count > 0),
        };
        try
        {
            foreach (BindPolicyCall call in policy.Calls)
            {
                if (call == BindPolicyCall.Listen)
                {
                    Add(new ListenTracer(options), listen => new BindFacts(listen));
                }
                else
                {
                    Add(new BindTracer(options), bind => new BindFacts(bind));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What each tracer uses, and what it does not see.</summary>
    public IEnumerable<(Backend Backend, string Blind, TraceProof Proof, IReadOnlyList<BackendRefusal> Refusals)> Backends => _sources.Select(s => s.Backend);

    /// <summary>Called when calls were lost.</summary>
    public Action<LossReport>? OnLoss { get; set; }

    /// <summary>Called with what has happened to cgroups and containers of the filter.</summary>
    public Action<string>? OnWarning { get; set; }

    /// <summary>Called a few times a second while it reads.</summary>
    public Action? OnLook { get; set; }

    /// <summary>Hands over calls as they come, until the time is over or the token is cancelled. Once.</summary>
    public void Read(Action<BindFacts> take, TimeSpan? duration, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abandoned.Token);
        Task[] readers = [.. _sources.Select(s => Task.Factory.StartNew(
            () => ReadFrom(s, take, duration, ending.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task all = Task.WhenAll(readers).ContinueWith(_ => _arrived.CompleteAdding(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            while (!_arrived.IsCompleted)
            {
                if (_arrived.TryTake(out Action? arrived, MillisecondsBetweenLooks, ending.Token))
                {
                    arrived();
                }

                OnLook?.Invoke();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // After a cancellation, no more are wanted.
        }
        finally
        {
            _abandoned.Cancel();
            all.Wait(CancellationToken.None);
        }
    }

    /// <summary>How many calls were lost in all.</summary>
    public IEnumerable<LossReport> ReadTotalLoss() => _sources.Select(s => s.Loss()).OfType<LossReport>();

    /// <summary>What has happened to the filter's cgroups and containers since the last call.</summary>
    public IEnumerable<string> ReadWarnings() => _sources.SelectMany(s => s.Warnings());

    public void Dispose()
    {
        _sources.ForEach(s => s.Tracer.Dispose());
        _abandoned.Dispose();
        _arrived.Dispose();
    }

    private void ReadFrom(Source source, Action<BindFacts> take, TimeSpan? duration, CancellationToken cancellationToken)
    {
        try
        {
            source.Read(take, duration, cancellationToken);
        }
#pragma warning disable CA1031 // Whatever it is, it ends the whole trace: half of what happens is not to be taken for all.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Put(() => ExceptionDispatchInfo.Throw(exception), cancellationToken);
        }
    }

    private void Add<TEvent>(Tracer<TEvent> tracer, Func<TEvent, BindFacts> factsOf)
        where TEvent : TraceEvent
    {
        _sources.Add(new Source(
            tracer, (tracer.Backend, tracer.Blind, tracer.Proof, tracer.Refusals), tracer.ReadTotalLoss, tracer.ReadWarnings, Read));

        void Read(Action<BindFacts> take, TimeSpan? duration, CancellationToken cancellationToken)
        {
            tracer.OnLoss = loss => Put(() => OnLoss?.Invoke(loss), cancellationToken);
            tracer.OnWarning = warning => Put(() => OnWarning?.Invoke(warning), cancellationToken);
            foreach (TEvent next in tracer.Read(duration, cancellationToken))
            {
                Put(() => take(factsOf(next)), cancellationToken);
            }
        }
    }

    private void Put(Action arrived, CancellationToken cancellationToken)
    {
        try
        {
            _arrived.Add(arrived, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // No one takes it any more.
        }
    }

    private sealed record Source(
        IDisposable Tracer,
        (Backend Backend, string Blind, TraceProof Proof, IReadOnlyList<BackendRefusal> Refusals) Backend,
        Func<LossReport?> Loss,
        Func<IReadOnlyList<string>> Warnings,
        Action<Action<BindFacts>, TimeSpan?, CancellationToken> Read);
}

using System.Collections.Concurrent;
using BindSnoop.Kernel;

namespace BindSnoop.Tests;

/// <summary>All cases of the truth program, run once under one back end: what is true, and what was seen.</summary>
internal sealed class BackendRun
{
    private static readonly ConcurrentDictionary<Backend, BackendRun> s_runs = new();

    private BackendRun(Backend backend)
    {
        Backend = backend;
        try
        {
            using Collector collector = new(new TraceOptions
            {
                Backend = backend,
                Filter = new TraceFilter { IncludeError = true },
            });
            Started = DateTime.UtcNow;
            KernelStarted = KernelClock.Now;
            Lines = Truth.Run();
            Events = collector.Finish(out TraceStatistics statistics);
            KernelEnded = KernelClock.Now;
            Ended = DateTime.UtcNow;
            Statistics = statistics;
        }
        catch (TraceException exception) when (Requires.IsRefusal(exception))
        {
            Refusal = exception;
        }
    }

    public Backend Backend { get; }

    /// <summary>Why the back end cannot be used here; null if it can.</summary>
    public TraceException? Refusal { get; }

    public DateTime Started { get; }

    public DateTime Ended { get; }

    public long KernelStarted { get; }

    public long KernelEnded { get; }

    public IReadOnlyList<TruthLine> Lines { get; } = [];

    public IReadOnlyList<BindEvent> Events { get; } = [];

    public TraceStatistics Statistics { get; } = new(0, 0, 0);

    /// <summary>The run of a back end; skips the test where it cannot be used.</summary>
    public static BackendRun Of(Backend backend)
    {
        BackendRun run = s_runs.GetOrAdd(backend, static b => new BackendRun(b));
        if (run.Refusal is { } refusal)
        {
            Requires.Skip(backend, refusal);
        }

        return run;
    }
}

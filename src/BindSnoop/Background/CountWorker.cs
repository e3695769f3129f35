using System.Diagnostics.CodeAnalysis;
using BindSnoop.Loading;
using BindSnoop.Metrics;

namespace BindSnoop.Background;

/// <summary>Counts in the kernel, in the background.</summary>
internal sealed class CountWorker(TraceOptions options) : TraceWorker
{
    private readonly BindCounter _counter = new(options);
    private volatile bool _stopped;

    public override Backend Backend => _counter.Backend;

    public override string Blind => _counter.Blind;

    public override TraceProof Proof => _counter.Proof;

    public override IReadOnlyList<BackendRefusal> Refusals => _counter.Refusals;

    public override TraceMetrics Metrics => _counter.Metrics;

    public override bool HasEnded => _stopped;

    public override TraceProof? ProveAgain() => _counter.ProveAgain();

    public override TraceStatistics ReadStatistics() => _counter.ReadStatistics();

    public override IReadOnlyList<string> ReadWarnings() => _counter.ReadWarnings();

    public override long CountReceived(TraceStatistics statistics) => statistics.Emitted;

    public override bool TryTake([NotNullWhen(true)] out BindEvent? next)
    {
        next = null;
        return false;
    }

    public override Task<bool> WaitAsync(CancellationToken cancellationToken) => Task.FromResult(false);

    public override IReadOnlyList<BindCount> ReadCounts() => _counter.Read();

    public override IReadOnlyList<BindCountGroup> ReadCountGroups() => _counter.ReadGroups();

    public override LossReport? ReadCountLoss() => _counter.ReadLoss();

    public override void Stop()
    {
        _counter.Stop();
        _stopped = true;
    }

    public override void Dispose()
    {
        Stop();
        _counter.Dispose();
    }
}

namespace BindSnoop;

/// <summary>Has a running trace prove itself again at intervals, by default every hour, until disposal.</summary>
internal sealed class ProofWatch : IDisposable
{
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);

    private readonly Func<TraceProof?> _prove;
    private readonly Action<TraceProof>? _onFailure;
    private readonly Timer _timer;
    private int _isBusy;

    /// <param name="prove">Makes the trace prove itself; null once it has ended.</param>
    /// <param name="onFailure">Called, on a separate thread, with the reason if the trace does not see calls.</param>
    /// <param name="interval">How often.</param>
    public ProofWatch(Func<TraceProof?> prove, Action<TraceProof>? onFailure = null, TimeSpan? interval = null)
    {
        _prove = prove;
        _onFailure = onFailure;
        _timer = new Timer(_ => Prove(), null, interval ?? s_hour, interval ?? s_hour);
    }

    /// <summary>Does not wait for a proof that is under way: the trace may have to end for that to end.</summary>
    public void Dispose() => _timer.Dispose();

    private void Prove()
    {
        // One that waits for the trace is not overtaken by the next.
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            return;
        }

        if (_prove() is { Proven: false } proof)
        {
            _onFailure?.Invoke(proof);
        }

        _isBusy = 0;
    }
}

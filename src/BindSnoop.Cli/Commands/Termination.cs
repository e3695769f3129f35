using System.Runtime.InteropServices;

namespace BindSnoop.Cli.Commands;

/// <summary>
/// Ends the run when the user (SIGINT), the system (SIGTERM), the terminal (SIGHUP) or the reader of our
/// output is done with us. A second signal kills, as it does without a handler.
/// </summary>
internal sealed class Termination : IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly ManualResetEventSlim _requested = new();
    private readonly object _lock = new();
    private Action? _stop;

    public Termination()
    {
        foreach (PosixSignal signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = !_requested.IsSet;
                Request();
            }));
        }
    }

    /// <summary>Whether the run was asked to end.</summary>
    public bool IsRequested => _requested.IsSet;

    /// <summary>Asks the run to end.</summary>
    public void Request()
    {
        lock (_lock)
        {
            _requested.Set();
            _stop?.Invoke();
        }
    }

    /// <summary>What to do on a request, at once if there already was one; null: nothing any more.</summary>
    public void OnRequest(Action? stop)
    {
        lock (_lock)
        {
            _stop = stop;
            if (_requested.IsSet)
            {
                stop?.Invoke();
            }
        }
    }

    /// <summary>Waits for a request, or until the time is over.</summary>
    public void Wait(TimeSpan? duration)
    {
        long deadline = duration is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue;
        long left;
        do
        {
            left = deadline - Environment.TickCount64;
        }
        while (left > 0 && !_requested.Wait((int)Math.Min(left, int.MaxValue)));
    }

    public void Dispose()
    {
        OnRequest(null);
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }
}

using System.Diagnostics;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Records;

/// <summary>
/// Records binds, failures, listens and releases of the whole machine in a file. It traces before it looks at what there is, so that nothing is
/// missed between the two, and writes once a second: whatever ends it, all but the last second is there, and it is known until when.
/// </summary>
internal sealed class BindRecorder : IDisposable
{
    private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_commit = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly RecordLimits _limits;
    private readonly FileDescriptor _lock;
    private readonly RecordDatabase _database;
    private readonly RecordHost _host;
    private readonly RecordSources _sources = new();
    private readonly CancellationTokenSource _stop = new();
    private RecordKeeper? _keeper;

    /// <summary>Opens the file and begins to trace.</summary>
    /// <exception cref="TraceException">The file cannot be written, or nothing can be traced.</exception>
    public BindRecorder(string path, RecordLimits limits, TraceOptions options)
    {
        _path = path;
        _limits = limits;
        _host = new(
            SystemFile.ReadText("/proc/sys/kernel/random/boot_id").Trim(),
            DisplayText.Escape(Environment.MachineName),
            typeof(BindRecorder).Assembly.GetName().Version?.ToString(3) ?? "");
        _database = RecordFile.OpenForWriting(path, out _lock);
        try
        {
            BindTracer binds = new(options with { Explain = true });
            _sources.Add(binds);
            ListenTracer listens = new(options with { Filter = options.Filter with { IncludeError = true } });
            _sources.Add(listens);
            Backend = binds.Backend;
            Refusals = binds.Refusals;
            Proofs = [binds.Proof, listens.Proof];
            if (TraceReleases(options) is { } releases)
            {
                // Scans find what it does not see, if less exactly.
                _sources.Add(releases, isEssential: false);
                Proofs = [.. Proofs, releases.Proof];
            }

            Blind = string.Join(' ', new[] { binds.Blind, listens.Blind }.Where(b => b.Length > 0).Distinct());
            _sources.OnFailure = proof => OnWarning?.Invoke($"The recorder no longer sees calls, and the record does not show this as a gap: {proof.Reason}");
            Resume(failed: false);
        }
        catch (RecordDatabaseException exception)
        {
            Dispose();
            throw RecordFile.NotWritten(path, exception);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The back end in use for binds.</summary>
    public Backend Backend { get; }

    /// <summary>The back ends that were not taken before, and why.</summary>
    public IReadOnlyList<BackendRefusal> Refusals { get; }

    /// <summary>Whether its traces were seen to work before they began.</summary>
    public IReadOnlyList<TraceProof> Proofs { get; }

    /// <summary>Which calls are not seen; empty if all are.</summary>
    public string Blind { get; }

    /// <summary>Called with messages, one sentence each.</summary>
    public Action<string>? OnWarning { get; set; }

    /// <summary>Ends <see cref="Run"/>. Safe from any thread.</summary>
    public void Stop() => _stop.Cancel();

    /// <summary>Records until asked to stop, or for some time.</summary>
    /// <exception cref="TraceException">Tracing ended unexpectedly.</exception>
    public void Run(TimeSpan? duration)
    {
        Stopwatch time = Stopwatch.StartNew();
        long committed = 0;
        while (!_stop.IsCancellationRequested && !(time.Elapsed >= duration) && _sources.Error is null)
        {
            TimeSpan left = s_commit - Stopwatch.GetElapsedTime(committed);
            Wait(duration is { } end && end - time.Elapsed < left ? end - time.Elapsed : left);
            Try(Round);
            if (Stopwatch.GetElapsedTime(committed) >= s_commit)
            {
                committed = Stopwatch.GetTimestamp();
                Try(Tick);
            }
        }

        Finish();
        if (_sources.Error is { } error)
        {
            throw error as TraceException ?? new TraceException(
                "RecordEnded", TraceErrorKind.InvalidOperation, $"Tracing has ended: {DisplayText.Escape(error.Message)}", "Please report it.", _path, error);
        }
    }

    public void Dispose()
    {
        _sources.Dispose();
        _keeper?.Dispose();
        _database.Dispose();
        _lock.Dispose();
        _stop.Dispose();
    }

    /// <summary>Traces releases; null if no back end that may be used can.</summary>
    private static ReleaseTracer? TraceReleases(TraceOptions options)
    {
        try
        {
            return new(options);
        }
        catch (TraceException exception) when (exception.RefusesBackend || exception.ErrorId == "NoBackend")
        {
            return null;
        }
    }

    /// <summary>Waits until there is something to do; then a little more, as what comes together is written together.</summary>
    private void Wait(TimeSpan atMost)
    {
        Stopwatch time = Stopwatch.StartNew();
        try
        {
            if (_sources.Wait((int)Math.Max(0, atMost.TotalMilliseconds), _stop.Token))
            {
                TimeSpan left = atMost - time.Elapsed;
                _stop.Token.WaitHandle.WaitOne((int)Math.Max(0, Math.Min(left.TotalMilliseconds, s_round.TotalMilliseconds)));
            }
        }
        catch (OperationCanceledException)
        {
            // It ends now.
        }
    }

    /// <summary>What is not written down while the file cannot be written to is lost, and known to be.</summary>
    private void Round()
    {
        if (_keeper is not null)
        {
            _keeper.Keep();
        }
        else
        {
            _sources.TakeUntil(_sources.Synchronize());
        }
    }

    private void Tick()
    {
        if (_keeper is not null)
        {
            _keeper.Tick(_limits);
            return;
        }

        Resume(failed: true);
        OnWarning?.Invoke("The record can be written again.");
    }

    /// <summary>Starts, or continues after a failure, with the rows in the file and a scan of all sockets.</summary>
    private void Resume(bool failed)
    {
        RecordClock.Read(out long kernelTime, out long utc);
        RecordKeeper keeper = new(_sources, new RecordWriter(_database, _host, Blind, kernelTime, utc, failed), warning => OnWarning?.Invoke(warning));
        try
        {
            keeper.Begin(kernelTime);
            _keeper = keeper;
        }
        catch
        {
            keeper.Dispose();
            throw;
        }
    }

    /// <summary>Does something that writes. If that fails the record has a gap, and it is tried again.</summary>
    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (RecordDatabaseException exception)
        {
            if (_keeper is not null)
            {
                OnWarning?.Invoke($"The record cannot be written, and has a gap until it can be: {exception.Message}.");
            }

            _keeper?.Dispose();
            _keeper = null;
        }
    }

    /// <summary>Writes the rest, and that this is the end.</summary>
    private void Finish()
    {
        Try(() => _keeper?.LookAtOnce());
        long now = KernelClock.Now;
        _sources.Stop();
        Try(() => _keeper?.KeepRest());
        Try(() => _keeper?.End(now));
        _keeper?.Dispose();
        _keeper = null;
    }
}

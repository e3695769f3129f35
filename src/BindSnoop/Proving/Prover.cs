using System.Diagnostics;
using System.Net;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Loading;
using BindSnoop.Reading;

namespace BindSnoop.Proving;

/// <summary>
/// Makes calls of the kind that a session traces, in this process and its network, and compares what arrives of them. The
/// kernel runs the programs on the thread that makes the call, so what does not lie in the buffer once the call has returned
/// never will; what a busy machine left out is tried again.
/// </summary>
/// <param name="filter">What the session asks for.</param>
/// <param name="isCounting">Whether it counts, and sends keys of counts.</param>
internal abstract class Prover(TraceFilter filter, bool isCounting)
{
    /// <summary>How long it keeps trying.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    // However little a starved machine gets done within the time.
    private const int FewestAttempts = 6;

    // What is wrong is wrong always, unless somebody changed in that moment what was compared.
    private const int WrongAttempts = 3;

    private readonly long _begin = Stopwatch.GetTimestamp();
    private readonly List<ComparedField> _compared = [];
    private readonly List<string> _unmade = [];
    private IReadOnlyList<string> _programs = [];
    private TraceSession? _session;
    private KnownCaller? _caller;
    private Outcome _outcome;
    private string _problem = "";
    private long _before;

    private enum Outcome
    {
        Right,
        NotMade,

        // Not made, as somebody else has the port; another one may be free.
        Taken,
        NotSeen,
        Wrong,
    }

    /// <summary>The calls, in groups with separate sockets.</summary>
    protected abstract IEnumerable<Action> Cases { get; }

    /// <summary>A sample, to compare when nothing has been made yet.</summary>
    protected abstract byte[] Example { get; }

    /// <summary>Whether the session counts, and sends keys of counts.</summary>
    protected bool IsCounting => isCounting;

    /// <summary>What it distinguishes callers by, if it counts.</summary>
    protected CountBy By => _session is CountSession session ? session.By : CountBy.Anyone;

    /// <summary>What to make events with.</summary>
    protected EventContext Context => new(DateTime.UtcNow.Ticks, _session?.Backend ?? Backend.Auto);

    /// <summary>How many milliseconds are left to wait for something.</summary>
    protected int MillisecondsLeft => Math.Max(0, (int)(s_patience - Stopwatch.GetElapsedTime(_begin)).TotalMilliseconds);

    // Counts have no times.
    private long Now => IsCounting ? 0 : KernelClock.Now;

    private TraceSession Session => _session ?? throw new InvalidOperationException("There is nothing to prove yet.");

    private KnownCaller Caller => _caller ?? throw new InvalidOperationException("Nobody makes calls yet.");

    /// <summary>
    /// Creates the proof of a session that is attached and not read yet. While programs are being loaded for it, another thread
    /// has compiled what the proof takes, where that is compiled as it is needed: that takes longer than the proof itself.
    /// </summary>
    public static Func<TraceSession, TraceProof> For(TracerDefinition definition, TraceFilter filter, bool isCounting)
    {
        Rehearsal.Begin(definition.ObjectName, isCounting, Of(definition.ObjectName, filter, isCounting).Rehearse);
        return session => Prove(session, filter);
    }

    /// <summary>Proves a session that is attached and not read meanwhile.</summary>
    public static TraceProof Prove(TraceSession session, TraceFilter filter)
    {
        uint threadId = CallingThread.InitialId();
        if (threadId == 0)
        {
            return new(null, "The kernel does not report the id of this thread.", []);
        }

        using ProofPage.Turn turn = session.Proofs.Begin(threadId);
        return Of(session.Definition.ObjectName, filter, session is CountSession).Run(session, threadId);
    }

    /// <summary>Compares the sample of a call.</summary>
    protected abstract void Compare(byte[] sample, KnownCall call, CallComparison comparison);

    /// <summary>Whether a function, or a system call, is hooked.</summary>
    protected bool Hooks(string function) =>
        _programs.Any(p => p == $"fexit_{function}" || p == $"fentry_{function}" || p == $"kprobe_{function}" || p == $"sys_exit_{function}");

    /// <summary>Whether any program has a name that ends so.</summary>
    protected bool HasPrograms(string suffix) => _programs.Any(p => p.EndsWith(suffix, StringComparison.Ordinal));

    /// <summary>Makes a socket and binds it to a port of the kernel's choice.</summary>
    /// <param name="call">What it is for.</param>
    /// <returns>Null if that cannot be done. Without IPv6, or an address of it, there is nothing to prove of it.</returns>
    protected KnownSocket? MakeBound(string call, IPFamily family, int protocol, BindOptions options, IPAddress address, bool ipv6Only = false)
    {
        KnownSocket socket = new(family, protocol, options, ipv6Only);
        if (socket.Error == 0 && socket.Bind(new IPEndPoint(address, 0)))
        {
            return socket;
        }

        if (family == IPFamily.IPv4 || socket.Error is not (Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL))
        {
            NotMade(call, socket.Error);
        }

        socket.Dispose();
        return null;
    }

    /// <summary>The next call begins.</summary>
    protected void Before()
    {
        Session.Proofs.TakeRefused();
        _before = Now;
    }

    /// <summary>Compares the sample of a call that has returned. False: skip the rest of the case.</summary>
    protected bool Arrived(KnownCall call)
    {
        long after = Now;
        bool refused = Session.Proofs.TakeRefused();
        IReadOnlyList<byte[]> samples = Session.FindProofs();
        if (samples.Count != 1)
        {
            return samples.Count == 0
                ? Fail(Outcome.NotSeen, $"{call.Name} was not reported.")
                : Fail(Outcome.Wrong, $"{call.Name} was reported {samples.Count} times.");
        }

        CallComparison comparison = new(call, Caller);
        try
        {
            Compare(samples[0], call, comparison);
        }
        catch (TraceException exception)
        {
            _compared.AddRange(comparison.Fields);
            return Fail(Outcome.Wrong, $"{call.Name}: {exception.Message}");
        }

        if (!IsCounting)
        {
            long time = (long)System.Runtime.InteropServices.MemoryMarshal.AsRef<SampleOrigin>(samples[0]).Time;
            comparison.Same("KernelTime", "during the call", time < _before ? "before it" : time > after ? "after it" : "during the call");
        }

        if (FilterVerdict.Of(filter, call, Caller) is { } kept)
        {
            comparison.Same("Filter", kept ? "kept" : "refused", refused ? "refused" : "kept");
        }

        _compared.AddRange(comparison.Fields);
        if (comparison.Fields.FirstOrDefault(f => !f.IsSame) is { } wrong)
        {
            return Fail(Outcome.Wrong, $"{call.Name} was reported with {wrong.Field} '{wrong.Seen}' instead of '{wrong.Expected}'.");
        }

        return true;
    }

    /// <summary>A call could not be made as it was to be.</summary>
    protected bool NotMade(string call, int errno) =>
        Fail(errno == Errno.EADDRINUSE ? Outcome.Taken : Outcome.NotMade, $"{call}: {Errno.Describe(errno)}.");

    /// <summary>There was nothing to accept within the time.</summary>
    protected bool NothingCame(string call) => Fail(Outcome.NotMade, $"{call}: no connection arrived over the loopback interface.");

    private bool Fail(Outcome outcome, string problem)
    {
        _outcome = outcome;
        _problem = problem;
        return false;
    }

    private static Prover Of(string objectName, TraceFilter filter, bool isCounting) => objectName switch
    {
        "bind" => new BindProver(filter, isCounting),
        "listen" => new ListenProver(filter, isCounting),
        "accept" => new AcceptProver(filter),
        "release" => new ReleaseProver(filter),
        _ => throw new InvalidOperationException($"Nothing is known that proves {objectName}."),
    };

    /// <summary>Does everything in a proof except the calls.</summary>
    private void Rehearse()
    {
        _caller = new KnownCaller(initialId: 0);
        using KnownSocket socket = new(IPFamily.IPv4, KnownSocket.Tcp, BindOptions.FreeBind | BindOptions.ReuseAddress);
        KnownCall call = new("", socket);
        Compare(Example, call, new CallComparison(call, _caller));
        _ = FilterVerdict.Of(filter, call, _caller);
    }

    private TraceProof Run(TraceSession session, uint threadId)
    {
        _session = session;
        _programs = session.Programs();
        _caller = new KnownCaller(threadId);
        long missesBefore = Session.RecursionMisses();
        foreach (Action make in Cases)
        {
            int before = _compared.Count;
            for (int attempts = 1; !Succeeds(make, before); attempts++)
            {
                if (!IsWorthAnother(attempts))
                {
                    // Before the kernel's numbers change again.
                    bool wasLost = _outcome == Outcome.NotSeen && (Session.Proofs.Lost > 0 || Session.RecursionMisses() > missesBefore);
                    if (_outcome is (Outcome.NotSeen or Outcome.Wrong) && !wasLost)
                    {
                        return new(false, _problem, _compared);
                    }

                    _unmade.Add(wasLost ? $"{_problem} The machine is too busy: the kernel skipped programs, or the buffer was full." : _problem);
                    break;
                }

                // 1, 2, 4 … ms: what kept the kernel from it is to pass.
                Thread.Sleep(Math.Min(1 << (attempts - 1), MillisecondsLeft));
                _caller = new KnownCaller(Caller.InitialThreadId);
            }
        }

        return new(_compared.Count > 0 ? true : null, string.Join(" ", _unmade.Distinct()), _compared);
    }

    private bool Succeeds(Action make, int before)
    {
        _compared.RemoveRange(before, _compared.Count - before);
        _outcome = Outcome.Right;
        Session.FindProofs();
        make();
        if (_outcome is not (Outcome.Right or Outcome.Wrong))
        {
            _compared.RemoveRange(before, _compared.Count - before);
        }

        return _outcome == Outcome.Right;
    }

    private bool IsWorthAnother(int attempts) => _outcome switch
    {
        Outcome.Wrong or Outcome.Taken => attempts < WrongAttempts,
        Outcome.NotSeen => attempts < FewestAttempts || MillisecondsLeft > 0,
        _ => false,
    };
}

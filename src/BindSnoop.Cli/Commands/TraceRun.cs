using BindSnoop.Cli.Export;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>One run of the tool: attaches, prints events, reports losses and detaches.</summary>
/// <param name="what">What is traced, for messages.</param>
/// <param name="duration">How long; null: until asked to end.</param>
/// <param name="verbose">Whether to print which back ends were refused, and libbpf's messages.</param>
/// <param name="plan">What goes elsewhere than to standard output.</param>
internal sealed class TraceRun(string what, TimeSpan? duration, bool verbose, ExportPlan plan)
{
    /// <summary>Prints events.</summary>
    public int Trace<TEvent>(Func<Tracer<TEvent>> attach, OutputBuffer output, IEventWriter<TEvent> writer, long maxEvents)
        where TEvent : TraceEvent
    {
        using Termination termination = new();
        using Exports exports = new(plan, events: true);
        using Tracer<TEvent> tracer = Attached(attach, verbose);
        exports.Begin(tracer.Metrics);
        Announce(what, duration, tracer.Backend, tracer.Blind, [tracer.Proof], tracer.Refusals, verbose);
        try
        {
            termination.OnRequest(tracer.Stop);
            StandardStream.Output.WhenReaderIsGone(termination.Request);
            tracer.BeforeWait = output.Flush;
            tracer.OnLoss = Warn;
            tracer.OnWarning = Warn;
            using ProofWatch proofs = new(tracer.ProveAgain, Warn);
            writer = exports.WriterFor(writer);
            writer.Begin();
            foreach (TEvent next in tracer.Read(duration))
            {
                writer.Write(next);
                if (--maxEvents == 0)
                {
                    break;
                }
            }

            output.Flush();
        }
        catch (ReaderGoneException)
        {
            // As with "| head": the reader has had enough.
        }
        finally
        {
            // Whatever ended it, and before what may take until somebody loses patience.
            Warn(tracer.ReadTotalLoss());
            Warn(tracer.ReadWarnings());
            if (verbose)
            {
                Messages.Write($"At most {tracer.MostReadAhead} events waited in memory, of up to {tracer.ReadAheadCapacity}.");
            }

            termination.OnRequest(null);
            exports.Finish();
        }

        return ExitStatus.Success;
    }

    /// <summary>Counts, and prints the counts at the end.</summary>
    /// <param name="attach">Begins to count.</param>
    /// <param name="output">Where they go.</param>
    /// <param name="read">Reads them, and gives what prints them.</param>
    public int Count(Func<BindCounter> attach, OutputBuffer output, Func<BindCounter, Action> read)
    {
        using Termination termination = new();
        using Exports exports = new(plan, events: false);
        using BindCounter counter = Attached(attach, verbose);
        exports.Begin(counter.Metrics);
        Announce(what, duration, counter.Backend, counter.Blind, [counter.Proof], counter.Refusals, verbose);
        StandardStream.Output.WhenReaderIsGone(termination.Request);
        using (new ProofWatch(counter.ProveAgain, Warn))
        {
            termination.Wait(duration);
        }

        counter.Stop();
        Action write = read(counter);
        Warn(counter.ReadLoss());
        Warn(counter.ReadWarnings());
        try
        {
            // Before what may fail, or take until somebody loses patience.
            if (!plan.Quiet)
            {
                if (StandardStream.Output.IsTerminal)
                {
                    // The terminal may have shown ^C.
                    output.EndLine();
                }

                write();
                output.Flush();
            }
        }
        catch (ReaderGoneException)
        {
        }
        finally
        {
            exports.Finish();
        }

        return ExitStatus.Success;
    }

    private static void Warn(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings)
        {
            Warn(warning);
        }
    }

    /// <summary>Writes a warning to standard error.</summary>
    public static void Warn(string warning) => Messages.Write($"bindsnoop: warning: {warning}");

    /// <summary>Says of failures that they were not looked into.</summary>
    public static void WriteNotExplained(long failures, string calls)
    {
        if (failures > 0)
        {
            Messages.Write($"{(failures == 1 ? "1 failure was" : $"{failures} failures were")} not explained: {calls} failed faster than they could be diagnosed, or the trace ended first.");
        }
    }

    private static void Warn(TraceProof proof) =>
        Warn($"The trace no longer sees calls: {proof.Reason} Restart it; if that does not help, use another --backend.");

    private static void Warn(LossReport? loss)
    {
        if (loss is not null)
        {
            Warn($"{loss.Message} {HelpAgainst(loss.Cause)}");
        }
    }

    private static string HelpAgainst(LossCause cause) => cause switch
    {
        LossCause.NotRun => "Another --backend may see them.",
        LossCause.TableFull => "A narrower filter helps.",
        _ => "A larger --buffer-size or a narrower filter helps.",
    };

    /// <summary>Says that everything is attached.</summary>
    /// <param name="what">What is traced.</param>
    /// <param name="duration">How long; null: until asked to end.</param>
    /// <param name="backend">The back end in use.</param>
    /// <param name="blind">Which calls are not seen; empty if all are.</param>
    /// <param name="proofs">Whether it was seen to work; what was tried and is not proven is always printed.</param>
    /// <param name="refusals">The back ends that are not used.</param>
    /// <param name="verbose">Whether to print why not, and how it was proven.</param>
    public static void Announce(
        string what,
        TimeSpan? duration,
        Backend backend,
        string blind,
        IReadOnlyList<TraceProof> proofs,
        IReadOnlyList<BackendRefusal> refusals,
        bool verbose)
    {
        Messages.Write($"Tracing {what} through {backend}... Hit Ctrl-C to end{(duration is null ? "." : " early.")}");
        if (blind.Length > 0)
        {
            Messages.Write($"Not seen this way: {blind}");
        }

        foreach (TraceProof proof in proofs.Where(p => verbose || (p.Proven is null && p.Reason.Length > 0)))
        {
            Messages.Write(proof.ToString());
        }

        foreach (BackendRefusal refusal in verbose ? refusals : [])
        {
            Messages.Write($"The {refusal.Backend} back end is not used: {refusal.Error.Message}");
            TellLog(refusal.Error);
        }
    }

    /// <summary>What has attached; a value that is wrong is the user's error.</summary>
    /// <param name="attach">Attaches.</param>
    /// <param name="verbose">Whether to print what libbpf said.</param>
    /// <exception cref="UsageException">A value is wrong.</exception>
    /// <exception cref="TraceException">It does not work.</exception>
    public static T Attached<T>(Func<T> attach, bool verbose)
    {
        try
        {
            return attach();
        }
        catch (TraceException exception)
        {
            if (verbose)
            {
                TellLog(exception);
            }

            // Values are looked at only here that do not depend on how they were written. Later nothing is the command line's fault.
            throw exception.Kind == TraceErrorKind.InvalidArgument ? new UsageException(exception) : exception;
        }
    }

    private static void TellLog(TraceException refusal)
    {
        if (refusal.InnerException is { } log)
        {
            Messages.Write(log.Message);
        }
    }
}

using BindSnoop.Cli.Export;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary>One run of the tool: attaches, prints what comes, tells what was lost, ends in good order.</summary>
/// <param name="what">What is traced, for messages.</param>
/// <param name="duration">How long; null: until asked to end.</param>
/// <param name="verbose">Whether to tell which back ends refused, and what libbpf said.</param>
/// <param name="plan">What goes elsewhere than to standard output.</param>
internal sealed class TraceRun(string what, TimeSpan? duration, bool verbose, ExportPlan plan)
{
    /// <summary>Prints events.</summary>
    public int Trace<TEvent>(Func<Tracer<TEvent>> attach, OutputBuffer output, IEventWriter<TEvent> writer, long maxEvents)
        where TEvent : TraceEvent
    {
        using Termination termination = new();
        using Exports exports = new(plan, events: true);
        using Tracer<TEvent> tracer = Attached(attach);
        exports.Begin(tracer.Metrics);
        Announce(tracer.Backend, tracer.Blind, tracer.Refusals);
        try
        {
            termination.OnRequest(tracer.Stop);
            StandardStream.Output.WhenReaderIsGone(termination.Request);
            tracer.BeforeWait = output.Flush;
            tracer.OnLoss = Warn;
            tracer.OnWarning = Warn;
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
            // As with "| head": whoever wanted to read has had enough.
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
    public int Count(Func<BindCounter> attach, OutputBuffer output, Action<IReadOnlyList<BindCount>> write)
    {
        using Termination termination = new();
        using Exports exports = new(plan, events: false);
        using BindCounter counter = Attached(attach);
        exports.Begin(counter.Metrics);
        Announce(counter.Backend, counter.Blind, counter.Refusals);
        StandardStream.Output.WhenReaderIsGone(termination.Request);
        termination.Wait(duration);
        counter.Stop();
        IReadOnlyList<BindCount> counts = counter.Read();
        Warn(counter.ReadLoss(counts));
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

                write(counts);
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

    private static void Warn(string warning) => Messages.Write($"bindsnoop: warning: {warning}");

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

    private void Announce(Backend backend, string blind, IReadOnlyList<BackendRefusal> refusals)
    {
        Messages.Write($"Tracing {what} through {backend}... Hit Ctrl-C to end{(duration is null ? "." : " early.")}");
        if (blind.Length > 0)
        {
            Messages.Write($"Not seen this way: {blind}");
        }

        foreach (BackendRefusal refusal in verbose ? refusals : [])
        {
            Messages.Write($"{refusal.Backend} is not used: {refusal.Error.Message}");
            TellLog(refusal.Error);
        }
    }

    private T Attached<T>(Func<T> attach)
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

using System.CommandLine;
using BindSnoop.Cli.Output;
using BindSnoop.Cli.Top;
using BindSnoop.Names;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop top</c>: who binds, fails, listens and accepts, on a screen that is kept up to date.</summary>
internal sealed class TopCommand
{
    private const ushort Tcp = 6;

    // Fast enough to look at, and cheap enough for a slow line.
    private static readonly TimeSpan s_betweenPictures = TimeSpan.FromMilliseconds(500);

    private static readonly string[] s_views = [.. Enum.GetNames<TopView>().Select(n => n.ToLowerInvariant())];
    private static readonly string[] s_columns = [.. Enum.GetNames<TopColumn>().Select(n => n.ToLowerInvariant())];

    private readonly Option<string?> _by = RunOptions.Value("--by", "WHAT", "Start with rows by program (the default), port or container", s_views);
    private readonly Option<string?> _sort = RunOptions.Value("--sort", "COLUMN", "Start sorted by calls (the default), binds, failed, listens, accepts, last or name", s_columns);
    private readonly Option<bool> _noColor = new("--no-color") { Description = "Use no colors, as with NO_COLOR in the environment" };
    private readonly Option<string?> _duration = RunOptions.Value("--duration", "SECONDS", "End after this time; fractions are possible");
    private readonly FilterOptions _filter = new(FilteredCall.Listen);

    private TopCommand()
    {
    }

    public static Command Create()
    {
        TopCommand top = new();
        Command command = new("top", "Show live who binds, fails, listens and accepts, by program, port or container") { top._by, top._sort, top._noColor };
        top._filter.AddTo(command);
        command.Add(top._duration);
        command.SetAction(top.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        TraceFilter filter = _filter.Read(parsed, includeError: true);
        TopCounts counts = new();
        TopScreen screen = new(counts)
        {
            View = RunOptions.Read(parsed, _by, text => Choose<TopView>("InvalidView", text, s_views), TopView.Program),
            Order = RunOptions.Read(parsed, _sort, text => Choose<TopColumn>("InvalidColumn", text, s_columns), TopColumn.Calls),
        };
        TimeSpan? duration = RunOptions.Read<TimeSpan?>(parsed, _duration, text => RunOptions.ParseDuration(text), null);
        string type = Environment.GetEnvironmentVariable("TERM") ?? "";
        if (!StandardStream.Output.IsTerminal || Console.IsInputRedirected || type is "" or "dumb")
        {
            throw new UsageException(new TraceException(
                "NoTerminal", TraceErrorKind.InvalidArgument, "The live screen requires a terminal with a movable cursor for input and output.", "Use 'bindsnoop' or 'bindsnoop --count' to print lines."));
        }

        bool colors = !parsed.GetValue(_noColor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        using Termination termination = new();
        using BindTracer binds = Attach(() => new BindTracer(new TraceOptions { Filter = filter }));
        using ListenTracer listens = Attach(() => new ListenTracer(new TraceOptions { Filter = filter }));

        // Accepted connections are TCP's, and have no filter by protocol.
        bool hasAccepts = filter.Protocol.Count == 0 || filter.Protocol.Any(p => p is Tcp or Protocols.Mptcp);
        using AcceptTracer? accepts = hasAccepts ? Attach(() => new AcceptTracer(new TraceOptions { Filter = filter with { Protocol = [] } })) : null;
        Show(counts, screen, colors, termination, duration, binds, listens, accepts);
        foreach (LossReport? loss in new[] { binds.ReadTotalLoss(), listens.ReadTotalLoss(), accepts?.ReadTotalLoss() })
        {
            if (loss is not null)
            {
                Messages.Write($"bindsnoop: warning: {loss.Message}");
            }
        }

        return ExitStatus.Success;
    }

    private static void Show(
        TopCounts counts, TopScreen screen, bool colors, Termination termination, TimeSpan? duration, BindTracer binds, ListenTracer listens, AcceptTracer? accepts)
    {
        using ManualResetEventSlim changed = new();
        using ManualResetEventSlim pressed = new(initialState: true);
        WaitHandle[] wakers = [pressed.WaitHandle, changed.WaitHandle];
        counts.OnChange = changed.Set;
        termination.OnRequest(pressed.Set);
        using Timer? timer = duration is { } time ? new(_ => termination.Request(), null, time, Timeout.InfiniteTimeSpan) : null;
        using Terminal terminal = new(pressed.Set);
        Queue<ConsoleKeyInfo> keys = new();
        new Thread(() => ReadKeys(keys, pressed, termination)) { IsBackground = true }.Start();
        Task[] readers = [Count(binds, counts), Count(listens, counts), accepts is null ? Task.CompletedTask : Count(accepts, counts)];
        try
        {
            while (!termination.IsRequested && !screen.HasEnded)
            {
                // This sleeps until there is a key or a call to show. While the screen is paused, calls wake no one.
                WaitHandle.WaitAny(screen.IsPaused ? wakers[..1] : wakers);
                if (!pressed.IsSet)
                {
                    pressed.Wait(s_betweenPictures);
                }

                pressed.Reset();
                changed.Reset();
                lock (keys)
                {
                    while (keys.TryDequeue(out ConsoleKeyInfo key))
                    {
                        screen.Press(key);
                    }
                }

                (int width, int height) = Terminal.Size;
                terminal.Show(screen.Render(width, height, colors));
            }
        }
        finally
        {
            binds.Stop();
            listens.Stop();
            accepts?.Stop();
            Task.WaitAll(readers);
            termination.OnRequest(null);
        }
    }

    private static Task Count<TEvent>(Tracer<TEvent> tracer, TopCounts counts)
        where TEvent : TraceEvent
    {
        long lost = 0;
        tracer.OnLoss = loss =>
        {
            counts.AddLost(loss.Lost - lost);
            lost = loss.Lost;
        };
        return Task.Factory.StartNew(
            () =>
            {
                foreach (TEvent next in tracer.Read())
                {
                    counts.Add(next);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private static void ReadKeys(Queue<ConsoleKeyInfo> keys, ManualResetEventSlim pressed, Termination termination)
    {
        try
        {
            while (!termination.IsRequested)
            {
                ConsoleKeyInfo key = Console.ReadKey(intercept: true);
                lock (keys)
                {
                    keys.Enqueue(key);
                }

                pressed.Set();
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException or ObjectDisposedException)
        {
            // The terminal is gone.
            termination.Request();
        }
    }

    private static T Choose<T>(string errorId, string text, string[] names)
        where T : struct, Enum =>
        Array.Exists(names, n => n.Equals(text, StringComparison.OrdinalIgnoreCase))
            ? Enum.Parse<T>(text, ignoreCase: true)
            : throw RunOptions.Invalid(errorId, text, "one of them", $"Give {string.Join(", ", names[..^1])} or {names[^1]}.");

    private static T Attach<T>(Func<T> attach)
    {
        try
        {
            return attach();
        }
        catch (TraceException exception) when (exception.Kind == TraceErrorKind.InvalidArgument)
        {
            throw new UsageException(exception);
        }
    }
}

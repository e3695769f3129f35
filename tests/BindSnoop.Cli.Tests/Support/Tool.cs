using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The built tool as a process.</summary>
internal sealed class Tool : IDisposable
{
    private const int PatienceMilliseconds = 60_000;

    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly List<string> _lines = [];
    private readonly ManualResetEventSlim _tracing = new();
    private readonly Task _reading;
    private readonly Task _readingErrors;

    private Tool(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.Environment["LC_ALL"] = "C";
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _reading = Task.Run(() => ReadLines(_process.StandardOutput, line =>
        {
            lock (_lines)
            {
                _lines.Add(line);
            }
        }));
        _readingErrors = Task.Run(() =>
        {
            ReadLines(_process.StandardError, line =>
            {
                lock (_errors)
                {
                    _errors.Append(line).Append('\n');
                }

                if (line.StartsWith("Tracing ", StringComparison.Ordinal))
                {
                    _tracing.Set();
                }
            });
            _tracing.Set();
        });
    }

    /// <summary>Where the tool is: the environment's BINDSNOOP, else where the build puts it.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("BINDSNOOP") ??
        typeof(Tool).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "CommandLine").Value!;

    public int ProcessId => _process.Id;

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>The lines as JSON objects.</summary>
    public IReadOnlyList<JsonElement> Json => [.. Lines.Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Starts it, and waits until it traces. Skips the test where it cannot.</summary>
    public static Tool Trace(params string[] args) => TraceThrough([], args);

    /// <summary>The same, started by a command that sets the stage for it.</summary>
    public static Tool TraceThrough(string[] command, params string[] args)
    {
        string[] all = [.. command, Path, .. args];
        Tool tool = new(new ProcessStartInfo(all[0], all[1..]));
        Assert.True(tool._tracing.Wait(PatienceMilliseconds), "It does not begin to trace.");
        if (!tool.Errors.StartsWith("Tracing ", StringComparison.Ordinal))
        {
            tool.WaitForEnd();
            string errors = tool.Errors;
            tool.Dispose();
            Assert.SkipWhen(CannotTrace.Value, errors);
            Assert.Fail($"It does not trace: {errors}");
        }

        return tool;
    }

    /// <summary>Runs it, or another program, to its end.</summary>
    public static Tool Run(params string[] args) => RunProgram(Path, args);

    /// <summary>Runs a shell in which <c>$0</c> is the tool.</summary>
    public static Tool Shell(string script) => RunProgram("bash", ["-c", script, Path]);

    /// <summary>Runs a program to its end.</summary>
    public static Tool RunProgram(string program, string[] args)
    {
        Tool tool = new(new ProcessStartInfo(program, args));
        tool.WaitForEnd();
        return tool;
    }

    /// <summary>Skips the test where nothing can be traced.</summary>
    public static void RequireTracing() => Assert.SkipWhen(CannotTrace.Value, "This machine cannot trace, or this is not root: see 'bindsnoop support'.");

    public void Signal(int signal) => Native.Kill(_process.Id, signal);

    /// <summary>Waits for as many lines.</summary>
    public void WaitForLines(int count)
    {
        long end = Environment.TickCount64 + PatienceMilliseconds;
        while (Lines.Count < count && Environment.TickCount64 < end)
        {
            Thread.Sleep(5);
        }

        Assert.True(Lines.Count >= count, $"There are only {Lines.Count} lines of {count}:\n{string.Join('\n', Lines)}\n{Errors}");
    }

    /// <summary>Waits until it has said so on standard error.</summary>
    public void WaitForErrors(string text) =>
        Assert.True(SpinWait.SpinUntil(() => Errors.Contains(text, StringComparison.Ordinal), PatienceMilliseconds), $"It does not say '{text}':\n{Errors}");

    /// <summary>Waits until it has ended, and gives its exit code.</summary>
    public int WaitForEnd()
    {
        Assert.True(_process.WaitForExit(PatienceMilliseconds), $"It does not end.\n{Errors}");
        Assert.True(Task.WaitAll([_reading, _readingErrors], PatienceMilliseconds), "Its output does not end.");
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
        _tracing.Dispose();
    }

    private static Lazy<bool> CannotTrace { get; } = new(() => RunProgram(Path, ["support"]).WaitForEnd() != 0);

    private static void ReadLines(StreamReader reader, Action<string> add)
    {
        while (reader.ReadLine() is { } line)
        {
            add(line);
        }
    }
}

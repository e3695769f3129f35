using System.Diagnostics;

namespace BindSnoop.Tests;

/// <summary>The program that makes known binds, accepts, listens and releases (tests/truth).</summary>
internal static class Truth
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static string Path { get; } =
        Environment.GetEnvironmentVariable("BINDTRUTH") is { Length: > 0 } path ? path : System.IO.Path.Combine(AppContext.BaseDirectory, "bindtruth");

    /// <summary>All cases of <c>run</c>.</summary>
    public static CaseList Cases { get; } = new(["list"], ["run"]);

    /// <summary>All cases of <c>accept</c>.</summary>
    public static CaseList AcceptCases { get; } = new(["accept", "--list"], ["accept"]);

    /// <summary>All cases of <c>listen</c>.</summary>
    public static CaseList ListenCases { get; } = new(["listen", "--list"], ["listen"]);

    /// <summary>All cases of <c>why</c>.</summary>
    public static CaseList WhyCases { get; } = new(["why", "--list"], ["why"]);

    /// <summary>All cases of <c>release</c>.</summary>
    public static CaseList ReleaseCases { get; } = new(["release", "--list"], ["release"]);

    /// <summary>Runs cases, by default all, and returns what is true of them.</summary>
    public static IReadOnlyList<TruthLine> Run(params string[] cases) => [.. Execute(["run", .. cases]).Select(CallLine.Parse<TruthLine>)];

    /// <summary>The same of accepts.</summary>
    public static IReadOnlyList<AcceptLine> Accept(params string[] cases) =>
        [.. Execute(["accept", .. cases]).Select(CallLine.Parse<AcceptLine>)];

    /// <summary>The same of listens.</summary>
    public static IReadOnlyList<ListenLine> Listen(params string[] cases) =>
        [.. Execute(["listen", .. cases]).Select(CallLine.Parse<ListenLine>)];

    /// <summary>The same of releases.</summary>
    public static IReadOnlyList<ReleaseLine> Release(params string[] cases) =>
        [.. Execute(["release", .. cases]).Select(CallLine.Parse<ReleaseLine>)];

    /// <summary>Runs the program to its end and returns the lines it wrote.</summary>
    public static IReadOnlyList<string> Execute(params string[] arguments)
    {
        using Process process = Start(arguments);
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        List<string> lines = [];
        using Timer watchdog = new(_ => process.Kill(), null, s_patience, Timeout.InfiniteTimeSpan);
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(line);
        }

        process.WaitForExit();
        return process.ExitCode == 0
            ? lines
            : throw new InvalidOperationException($"{Path} {string.Join(' ', arguments)}: status {process.ExitCode}. {errors.Result}");
    }

    /// <summary>Starts the program with its output readable.</summary>
    public static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo(Path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using BindSnoop.Interop;

namespace BindSnoop.Bench;

/// <summary>The programs that are measured, or measured with.</summary>
internal static partial class Tools
{
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigContinue = 18;
    public const int SigStop = 19;

    /// <summary>Starts a program; its output goes where the caller wants it, its complaints to ours.</summary>
    public static Process Start(string file, params string[] arguments)
    {
        ProcessStartInfo start = new(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        return Process.Start(start)!;
    }

    /// <summary>Starts pwsh with the module.</summary>
    public static Process StartPwsh(Settings settings, string script, bool import = true) => Start(
        "pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", (import ? $"Import-Module '{settings.Module}'; " : "") + script);

    /// <summary>What a program said, once it has ended.</summary>
    public static string Finish(this Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"{process.StartInfo.FileName} failed with {process.ExitCode}: {errors.Result.Trim()}");
    }

    /// <summary>Binds in a loop on all processors, or on one; returns what the program says of it.</summary>
    public static JsonElement Load(Settings settings, params string[] arguments)
    {
        using Process load = StartLoad(settings, arguments);
        return JsonDocument.Parse(load.Finish()).RootElement;
    }

    public static Process StartLoad(Settings settings, params string[] arguments) => Start(settings.Truth, ["load", .. arguments]);

    public static string[] OnAllProcessors => ["--threads", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Waits until a program has something attached, as the kernel sees it.</summary>
    public static void WaitUntilAttached(Process process)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(2))
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"{process.StartInfo.FileName} ended: {process.StandardError.ReadToEnd().Trim()}");
            }

            if (HasLink(process.Id))
            {
                return;
            }
        }

        throw new TimeoutException($"{process.StartInfo.FileName} attached nothing");
    }

    /// <summary>Ends a program that continues until Ctrl-C.</summary>
    public static void Stop(Process process)
    {
        _ = kill(process.Id, SigInt);
        if (!process.WaitForExit(20_000))
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    public static void Signal(Process process, int signal) => _ = kill(process.Id, signal);

    /// <summary>A line of /proc/PID/status.</summary>
    public static long Status(int process, string name)
    {
        string line = File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }

    /// <summary>Seconds that this thread was on a processor, which no other program's work adds to.</summary>
    public static double ThreadSeconds()
    {
        const int ThreadTime = 3;
        _ = Libc.clock_gettime(ThreadTime, out Libc.TimeSpecification time);
        return time.Seconds + (time.Nanoseconds / 1e9);
    }

    private static bool HasLink(int process)
    {
        try
        {
            return new DirectoryInfo($"/proc/{process}/fd").EnumerateFiles()
                .Any(f => f.LinkTarget is { } target && target.StartsWith("anon_inode:bpf", StringComparison.Ordinal) &&
                          target.Contains("link", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            // A descriptor or the process has gone meanwhile.
            return false;
        }
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}

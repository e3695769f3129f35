using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace BindSnoop.Bench;

/// <summary>
/// How long it takes to list all sockets, milliseconds, and how much memory, MiB, beside ss and lsof: each in turn in every
/// round. Those two see the network namespace that they are in, so all are started there.
/// </summary>
internal static partial class Listing
{
    private const int ChildrenOfSelf = -1;

    public static void Measure(Settings settings, Results results)
    {
        using (Crowd crowd = new(settings, 2000, 10))
        {
            Compare(settings, results, crowd, "20,000 sockets of 2,000 processes");
        }

        using (Crowd few = new(settings, 10, 10))
        {
            Compare(settings, results, few, "100 sockets");
        }

        Crowd[] crowds = [.. Enumerable.Range(0, 50).Select(_ => new Crowd(settings, 40, 10))];
        for (int round = 1; round <= settings.Rounds; round++)
        {
            results.Add("sockets-ms", "bindsnoop sockets, 20,000 sockets of 2,000 processes in 50 network namespaces", round, Time(Ours(settings)));
        }

        foreach (Crowd crowd in crowds)
        {
            crowd.Dispose();
        }
    }

    /// <summary>A process that has started another writes the most memory that one had.</summary>
    public static int WritePeak(string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;
        process.StandardOutput.BaseStream.CopyTo(Stream.Null);
        process.WaitForExit();

        // struct rusage begins with two times; after them, in KiB, is what is wanted.
        Span<long> usage = stackalloc long[18];
        if (process.ExitCode != 0 || getrusage(ChildrenOfSelf, usage) != 0)
        {
            return 1;
        }

        Console.WriteLine(usage[4]);
        return 0;
    }

    private static void Compare(Settings settings, Results results, Crowd crowd, string what)
    {
        (string Name, string[] Command)[] tools = [("bindsnoop sockets", Ours(settings)), ("ss -tunlpa", ["ss", "-tunlpa"]), ("lsof -nP -i", ["lsof", "-nP", "-i"])];
        string[] enter = ["nsenter", $"--net=/proc/{crowd.ProcessId}/ns/net", "--"];
        for (int round = 1; round <= settings.Rounds; round++)
        {
            double[] times = [.. tools.Select(t => Time([.. enter, .. t.Command]))];
            for (int i = 0; i < tools.Length; i++)
            {
                string variant = $"{tools[i].Name}, {what}";
                results.Add("sockets-ms", variant, round, times[i]);
                results.Add("sockets-mib", variant, round, Peak([.. enter, .. tools[i].Command]) / 1024);
                if (i > 0)
                {
                    results.Add("sockets-ratio", $"{tools[i].Name}, {what}", round, times[0] / times[i]);
                }
            }
        }
    }

    private static string[] Ours(Settings settings) => [settings.CommandLine, "sockets", "--all"];

    // A shell sends the output away, so that nobody has to read it.
    private static double Time(string[] command)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = Tools.Start("sh", ["-c", "exec \"$@\" > /dev/null", "sh", .. command]);
        process.Finish();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static double Peak(string[] command)
    {
        using Process process = Tools.Start(Environment.ProcessPath!, ["peak", .. command]);
        return double.Parse(process.Finish(), CultureInfo.InvariantCulture);
    }

    [LibraryImport("libc")]
    private static partial int getrusage(int who, Span<long> usage);

    /// <summary>Processes with sockets, in a network namespace of their own, until disposed of.</summary>
    private sealed class Crowd : IDisposable
    {
        private readonly Process _process;

        public Crowd(Settings settings, int processes, int sockets)
        {
            _process = Tools.Start(settings.Truth, "sockets", "--crowd", $"{processes}", $"{sockets}");
            if (_process.StandardOutput.ReadLine() is null)
            {
                _process.Finish();
                throw new InvalidOperationException("There are no sockets.");
            }
        }

        public int ProcessId => _process.Id;

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}

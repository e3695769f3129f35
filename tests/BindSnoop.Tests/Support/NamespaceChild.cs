using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;

namespace BindSnoop.Tests;

/// <summary>Processes that trace from inside of namespaces, and write what they saw.</summary>
internal static class NamespaceChild
{
    public const ushort OwnPort = 21930;
    public const ushort NestedPort = 21931;
    public const ushort OutsidePort = 21932;
    private const ushort AcceptPort = 21933;

    // Others may bind the same ports meanwhile.
    private const string Comm = "bindsnoop-ns";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private static Backend Backend => Enum.Parse<Backend>(Environment.GetEnvironmentVariable(PrivilegeTests.BackendVariable)!);

    /// <summary>Makes the calling thread's calls the ones that are traced.</summary>
    public static void NameThread() => File.WriteAllText("/proc/thread-self/comm", Comm);

    /// <summary>Binds, has others bind, and writes who each event says that it was.</summary>
    public static int TracePids()
    {
        NameThread();
        uint self = uint.Parse(Process(), CultureInfo.InvariantCulture);
        Write("self", Process());
        Write("thread", Path.GetFileName(new FileInfo("/proc/thread-self").LinkTarget!));
        Write("parent", StatOf("self", 4));
        TraceOptions options = new() { Backend = Backend, Filter = new() { Comm = [Comm], Port = [new(OwnPort, OutsidePort)] } };
        using Collector all = new(options);
        using Collector byId = new(options with { Filter = options.Filter with { ProcessId = [self] } });
        using AcceptCollector accepts = new(options with { Backend = Backend == Backend.Cgroup ? Backend.Auto : Backend, Filter = new() { Comm = [Comm], Port = [new(AcceptPort, AcceptPort)] } });
        using BindCounter counter = new(options with { Filter = options.Filter with { ProcessId = [self] } });
        _ = Sys.BindOnce("127.0.0.1", OwnPort);
        Accept();

        // Known before it binds, so that it can be requested: it waits for a line.
        using Process unshare = System.Diagnostics.Process.Start(new ProcessStartInfo("unshare", ["--pid", "--fork", "--", .. Child.Command(Child.BindOnRequest)])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        unshare.StandardOutput.ReadLine();
        string nested = File.ReadAllText($"/proc/{ProcOf(unshare.Id)}/task/{ProcOf(unshare.Id)}/children").Trim();
        Write("nested-parent", ProcOf(unshare.Id));
        Write("nested-leader", nested);
        using (Collector byIds = new(options with { Filter = options.Filter with { ProcessId = [self, uint.Parse(nested, CultureInfo.InvariantCulture)] } }))
        {
            _ = Sys.BindOnce("127.0.0.1", OwnPort);
            unshare.StandardInput.WriteLine();
            all.WaitFor(e => e.Port == NestedPort, s_patience);
            Write("nested", all.Events.First(e => e.Port == NestedPort));
            unshare.StandardInput.WriteLine();
            unshare.WaitForExit();
            all.WaitFor(e => e.Port == OutsidePort, s_patience);
            Write("by-ids", string.Join(',', byIds.Finish().Select(e => e.Port).Order()));
        }

        Write("outside", all.Events.First(e => e.Port == OutsidePort));
        Write("own", all.Events.First(e => e.Port == OwnPort));
        Write("by-id", string.Join(',', byId.Finish().Select(e => e.Port).Distinct()));
        Write("accept", accepts.Finish().Single());
        counter.Stop();
        Write("count", string.Join(',', counter.Read().Select(c => c.Count / 2)));
        return 0;
    }

    /// <summary>Binds, and writes whether the event's times are right.</summary>
    public static int TraceTimes()
    {
        using Collector collector = new(new TraceOptions { Backend = Backend, Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        long before = KernelClock.Now;
        DateTime started = DateTime.Now;
        _ = Sys.BindOnce("127.0.0.1", OwnPort);
        DateTime ended = DateTime.Now;
        long after = KernelClock.Now;
        collector.WaitForCount(1, s_patience);
        BindEvent found = collector.Events.Single();
        string path = found.ProcessPath;

        // The wall clock may be slewed meanwhile.
        TimeSpan slack = TimeSpan.FromSeconds(1);
        Console.WriteLine(
            $"kernel-time {found.KernelTime >= before && found.KernelTime <= after} " +
            $"time {found.Time >= started - slack && found.Time <= ended + slack} path {path == Environment.ProcessPath}");
        return 0;
    }

    /// <summary>Binds when it is asked to, and ends when it is asked to.</summary>
    public static int BindOnRequest()
    {
        NameThread();
        Console.WriteLine("ready");
        Console.ReadLine();
        int error = Sys.BindOnce("127.0.0.1", NestedPort);
        Console.ReadLine();
        return error;
    }

    private static void Accept()
    {
        using TcpListener listener = new(IPAddress.Loopback, AcceptPort);
        listener.Start();
        using TcpClient client = new();
        client.Connect(IPAddress.Loopback, AcceptPort);
        using TcpClient accepted = listener.AcceptTcpClient();
    }

    /// <summary>The id of this process as /proc shows it, which need not be getpid(2)'s.</summary>
    private static string Process() => new FileInfo("/proc/self").LinkTarget!;

    /// <summary>A child's id as /proc shows it, by the one in this namespace, which is the last of its NSpid.</summary>
    private static string ProcOf(int id) => Directory.EnumerateDirectories("/proc").Select(d => Path.GetFileName(d)!)
        .Where(n => char.IsAsciiDigit(n[0]) && File.Exists($"/proc/{n}/status"))
        .First(n => StatOf(n, 4) == Process() && File.ReadLines($"/proc/{n}/status").Single(l => l.StartsWith("NSpid:", StringComparison.Ordinal)).Split('\t')[^1] == $"{id}");

    /// <summary>A field of proc_pid_stat(5), by its number there.</summary>
    private static string StatOf(string process, int field) => File.ReadAllText($"/proc/{process}/stat").Split(") ")[^1].Split(' ')[field - 3];

    private static void Write(string what, TraceEvent seen) => Write(
        what, $"{seen.ProcessId} {seen.ThreadId} {seen.ParentProcessId} {seen.IsHostProcessId} {seen.ProcessPath.Length > 0}");

    private static void Write(string what, string value) => Console.WriteLine($"{what}: {value}");
}

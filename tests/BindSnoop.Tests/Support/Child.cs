using System.Collections.Immutable;
using System.ComponentModel;
using System.Diagnostics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What this program does as a process of its own, where a test needs one.</summary>
internal static class Child
{
    /// <summary>Gives up root, tries to trace, and writes the result.</summary>
    public const string Unprivileged = "unprivileged";

    /// <summary>Reads from a trace that was disposed of.</summary>
    public const string ReadAfterDisposal = "read-after-disposal";

    /// <summary>Disposes of traces that another thread reads.</summary>
    public const string DisposeWhileReading = "dispose-while-reading";

    /// <summary>Traces a bind of its own, with the privileges that it was given.</summary>
    public const string TraceItself = "trace-itself";

    /// <summary>Tries to trace through tracepoints, and writes the error and what to do about it.</summary>
    public const string Advice = "advice";

    /// <summary>Gives up root, and lists the sockets of a root's port and of its own.</summary>
    public const string ListSockets = "list-sockets";

    /// <summary>Looks at a port, and again when it may have no more descriptors.</summary>
    public const string LookWithoutDescriptors = "look-without-descriptors";

    /// <summary>Gives up root, and tests ports that a root's sockets hold.</summary>
    public const string TestPort = "test-port";

    /// <summary>Begins to trace as root, gives that up, and ends the trace.</summary>
    public const string DropWhileTracing = "drop-while-tracing";

    /// <summary>Traces, again and again, until it is killed.</summary>
    public const string TraceForEver = "trace-for-ever";

    /// <summary>Traces in a PID namespace.</summary>
    public const string TraceNamespaces = "trace-namespaces";

    /// <summary>Traces in a time namespace.</summary>
    public const string TraceTimes = "trace-times";

    /// <summary>Binds a port when asked to.</summary>
    public const string BindOnRequest = "bind-on-request";

    /// <summary>Looks up interfaces of a namespace that it may not enter.</summary>
    public const string LookUpWithoutPrivileges = "look-up-without-privileges";

    /// <summary>Holds a port as a process by the name of docker-proxy.</summary>
    public const string HoldPort = "hold-port";

    private const uint Nobody = 65534;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private static readonly Lazy<string> s_folder = new(() => OthersMayEnter(AppContext.BaseDirectory) ? AppContext.BaseDirectory : Copy());

    /// <summary>Runs one and returns what it wrote.</summary>
    public static string Start(string name)
    {
        (int status, string output, string errors) = Execute(name, [], ImmutableDictionary<string, string>.Empty);
        return status == 0 ? output : throw new InvalidOperationException($"{name}: status {status}. {errors}");
    }

    /// <summary>Runs one under a command that sets the stage for it; skips the test where that is not installed.</summary>
    public static (int Status, string Output) Under(IReadOnlyList<string> command, string name, IReadOnlyDictionary<string, string> environment)
    {
        try
        {
            (int status, string output, string errors) = Execute(name, command, environment);
            return (status, output + errors);
        }
        catch (Win32Exception)
        {
            Assert.Skip($"there is no {command[0]} (util-linux)");
            throw;
        }
    }

    /// <summary>The command that runs one.</summary>
    public static string[] Command(string name)
    {
        string program = Environment.ProcessPath!;
        if (Path.GetFileNameWithoutExtension(program) != "dotnet")
        {
            return [Path.Combine(s_folder.Value, Path.GetFileName(program)), "--child", name];
        }

        Assert.SkipUnless(OthersMayEnter(Path.GetDirectoryName(program)!), $"an ordinary user cannot run {program}");
        return [program, Path.Combine(s_folder.Value, Path.GetFileName(typeof(Child).Assembly.Location)), "--child", name];
    }

    private static (int Status, string Output, string Errors) Execute(
        string name, IReadOnlyList<string> under, IReadOnlyDictionary<string, string> environment)
    {
        string[] command = [.. under, .. Command(name)];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string key, string value) in environment)
        {
            start.Environment[key] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    private static bool OthersMayEnter(string folder)
    {
        const UnixFileMode Enter = UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        for (DirectoryInfo? part = new(folder); part is not null; part = part.Parent)
        {
            if (!part.UnixFileMode.HasFlag(UnixFileMode.OtherExecute))
            {
                return false;
            }
        }

        return File.GetUnixFileMode(folder).HasFlag(Enter);
    }

    /// <summary>A copy for those who may not look into this folder, such as ordinary users into another's home; it goes with the process.</summary>
    private static string Copy()
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("bindsnoop-tests-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => copy.Delete(recursive: true);
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy.FullName, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        foreach (string path in Directory.EnumerateFileSystemEntries(copy.FullName, "*", SearchOption.AllDirectories).Append(copy.FullName))
        {
            File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        }

        return copy.FullName;
    }

    public static int Run(string name)
    {
        switch (name)
        {
            case Unprivileged:
                Sys.DropPrivileges(Nobody);
                Console.WriteLine(TryTrace());
                return 0;
            case ReadAfterDisposal:
                Console.WriteLine(ReadDisposed());
                return 0;
            case DisposeWhileReading:
                for (int i = 0; i < 20; i++)
                {
                    DisposeUnderReader(TimeSpan.FromMilliseconds(i));
                }

                Console.WriteLine("ended");
                return 0;
            case Advice:
                Console.WriteLine(TryTracepoint());
                return 0;
            case DropWhileTracing:
                DropPrivilegesWhileTracing();
                return 0;
            case ListSockets:
                SocketTests.ListWithoutPrivileges();
                return 0;
            case LookWithoutDescriptors:
                BpfSocketsTests.LookWithoutDescriptors();
                return 0;
            case TestPort:
                BindPortTestTests.TestPortWithoutPrivileges();
                return 0;
            case TraceItself:
                return PrivilegeTests.TraceItself();
            case TraceForEver:
                return LifeCycleTests.TraceForEver();
            case TraceNamespaces:
                return NamespaceChild.TracePids();
            case TraceTimes:
                return NamespaceChild.TraceTimes();
            case BindOnRequest:
                return NamespaceChild.BindOnRequest();
            case HoldPort:
                return PublishedPortTests.Hold();
            case LookUpWithoutPrivileges:
                return LookUpTests.LookUpWithoutPrivileges();
            default:
                Console.Error.WriteLine($"There is no child '{name}'.");
                return 64;
        }
    }

    private static string TryTrace()
    {
        try
        {
            using BindTracer tracer = new(new TraceOptions());
            return $"traces through {tracer.Backend}";
        }
        catch (TraceException exception)
        {
            return $"{exception.ErrorId} {exception.Kind}";
        }
    }

    private static string TryTracepoint()
    {
        try
        {
            using BindTracer tracer = new(new TraceOptions { Backend = Backend.Tracepoint });
            return "traces";
        }
        catch (TraceException exception)
        {
            return $"{exception.ErrorId}: {exception.RecommendedAction}";
        }
    }

    private static void DropPrivilegesWhileTracing()
    {
        IReadOnlyList<string> before = KernelObjects.Descriptors();
        using (BindTracer tracer = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } }))
        {
            string held = $"{KernelObjects.Held()}";
            Sys.DropPrivileges(Nobody);
            int error = Sys.BindOnce("127.0.0.1", 20974);
            tracer.Stop();
            Console.WriteLine($"bind {error} seen {string.Join(',', tracer.Read().Select(e => e.Port))}");
            Console.WriteLine(held);
        }

        Console.WriteLine($"left {KernelObjects.Descriptors().Count - before.Count}");
    }

    private static string ReadDisposed()
    {
        BindTracer tracer = new(new TraceOptions());
        tracer.Dispose();
        try
        {
            return $"{tracer.Read(TimeSpan.FromSeconds(1)).Count()} events";
        }
        catch (ObjectDisposedException)
        {
            return nameof(ObjectDisposedException);
        }
    }

    private static void DisposeUnderReader(TimeSpan pause)
    {
        BindTracer tracer = new(new TraceOptions { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } });
        using ManualResetEventSlim reading = new();
        Thread reader = new(() =>
        {
            foreach (BindEvent _ in tracer.Read())
            {
                reading.Set();
            }
        });
        reader.Start();
        if (Sys.BindOnce("127.0.0.1", 20973) != 0 || !reading.Wait(s_patience))
        {
            throw new TimeoutException("The reader saw nothing.");
        }

        Thread.Sleep(pause);
        tracer.Dispose();
        if (!reader.Join(s_patience))
        {
            throw new TimeoutException("The reader did not end.");
        }
    }
}

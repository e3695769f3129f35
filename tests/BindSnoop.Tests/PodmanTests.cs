using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using BindSnoop.Records;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Containers of a real engine: Podman as root, with its state in a directory of its own.</summary>
public sealed class PodmanTests : IDisposable
{
    private const string Image = "localhost/bindsnoop-test:1";
    private const int Port = 22210;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private static readonly string[] s_busyboxes = ["/usr/bin/busybox", "/bin/busybox"];

    private readonly HostTree _host = new();

    public PodmanTests()
    {
        Requires.Tracing();
        Assert.SkipUnless(Cgroups.MountPoint is not null, "No cgroup2 hierarchy is mounted.");
        if (Busybox() is not { } busybox)
        {
            Assert.Skip("there is no busybox that needs no libraries (busybox-static)");
            return;
        }

        Directory.CreateDirectory(Path.Combine(_host.Root, "image"));
        File.Copy(busybox, Path.Combine(_host.Root, "image", "busybox"));
        Execute("tar", "-C", Path.Combine(_host.Root, "image"), "-cf", Path.Combine(_host.Root, "image.tar"), "busybox");
        try
        {
            Podman("import", "--quiet", Path.Combine(_host.Root, "image.tar"), Image);
        }
        catch (Win32Exception)
        {
            Assert.Skip("there is no podman");
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(Path.Combine(_host.Root, "var")))
        {
            Podman("rm", "--all", "--force", "--time", "0");

            // conmon(8) starts one more podman once its container has ended, which writes there too.
            Assert.True(SpinWait.SpinUntil(() => !Directory.EnumerateDirectories("/proc").Any(WorksHere), s_patience));
        }

        _host.Dispose();
    }

    /// <summary>It is gone when the event is looked at; and there is one more by its name.</summary>
    [Fact]
    public void ContainersThatLiveForATenthOfASecond()
    {
        using Collector all = new(new TraceOptions { Filter = new() { Port = [new PortRange(Port, Port)] } });
        using Collector web = new(new TraceOptions { Filter = new() { Port = [new PortRange(Port, Port)], Container = ["web"] } });
        foreach (string name in new[] { "web", "other", "web" })
        {
            RunListener(name, "0.1", "--rm");
        }

        Assert.True(all.WaitForCount(3, s_patience) && web.WaitForCount(2, s_patience));
        Assert.Equal(["web", "other", "web"], all.Finish().Select(e => e.ContainerName));
        Assert.All(all.Events, e => Assert.Equal(("podman", Image, "", ""), (e.ContainerRuntime, e.ContainerImage, e.PodName, e.PodNamespace)));
        Assert.Equal(3, all.Events.Select(e => e.ContainerId).Distinct().Count());
        Assert.Equal(["web", "web"], web.Finish().Select(e => e.ContainerName));
        Assert.Empty(web.Tracer.ReadWarnings());
    }

    /// <summary>The same, counted in the kernel: they are gone when the counts are read.</summary>
    [Fact]
    public void CountsOfContainersThatAreGone()
    {
        using BindCounter counter = new(new TraceOptions { GroupBy = [CountGroup.Container], Filter = new() { Port = [new PortRange(Port, Port)] } });
        foreach (string name in new[] { "web", "other", "web" })
        {
            RunListener(name, "0.1", "--rm");
        }

        Assert.Equal([("web", "podman", 2L), ("other", "podman", 1L)], counter.ReadGroups().Select(g => (g.ContainerName, g.ContainerRuntime, g.Count)));
        Assert.Empty(counter.ReadWarnings());
    }

    [Fact]
    public void OneThatRuns()
    {
        string id = RunListener("web", "60", "--detach").Trim();
        BindSocket socket = WaitForSocket(new() { Container = ["web"] });
        Assert.Equal((id, "web", Image, Port, ""), (socket.ContainerId, socket.ContainerName, socket.Owners[0].ContainerImage, socket.Port, socket.PublishedFor));
        Assert.Empty(SocketSnapshot.Take(new() { Container = ["other"], Port = [new PortRange(Port, Port)] }).Sockets);
    }

    /// <summary>They are found by name when they are gone, and one that ran before by the look at all sockets.</summary>
    [Fact]
    public void ARecordHasTheirNames()
    {
        string id = RunListener("before", "60", "--detach").Trim();
        WaitForSocket(new() { Container = ["before"] });
        string place = Directory.CreateDirectory(Path.Combine(_host.Root, "record")).FullName;
        string path = Path.Combine(place, "record.db");
        using (BindRecorder recorder = new(path, new RecordLimits(TimeSpan.FromDays(1), RecordLimits.LeastBytes), new TraceOptions()))
        {
            Thread running = new(() => recorder.Run(null));
            running.Start();
            RunListener("web", "0.1", "--rm");
            recorder.Stop();
            running.Join();
        }

        using RecordReader reader = new(path);
        RecordedBind found = Assert.Single(reader.Ask(new() { Container = ["before"] }));
        Assert.Equal((id, true, Port, Image, "podman"), (found.ContainerId, found.Existing, found.Port, found.ContainerImage, found.ContainerRuntime));
        RecordedBind[] web = [.. reader.Ask(new() { Container = ["web"] })];
        Assert.Equal(["Bind", "Listen"], web.Select(f => f.Kind));
        Assert.All(web, f => Assert.Equal(("web", Image, Port, false), (f.ContainerName, f.ContainerImage, f.Port, f.Existing)));
        Assert.Empty(reader.Ask(new() { Container = ["other"] }));
    }

    [Fact]
    public void PublishedPort()
    {
        string published = string.Create(CultureInfo.InvariantCulture, $"{Port + 1}:80");
        try
        {
            Podman([.. Run("web", "--detach", "--publish", published), "sh", "-c", "/busybox sleep 60"]);
        }
        catch (InvalidOperationException exception)
        {
            Assert.Skip($"Podman cannot publish ports here: {exception.Message}");
        }

        BindSocket socket = WaitForSocket(new() { Port = [new PortRange(Port + 1, Port + 1)] });
        Assert.Equal(("conmon", "web", ""), (socket.Comm, socket.PublishedFor, socket.ContainerName));
    }

    private bool WorksHere(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline")).Contains(_host.Root, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static BindSocket WaitForSocket(SocketFilter filter)
    {
        IReadOnlyList<BindSocket> found = [];
        Assert.True(SpinWait.SpinUntil(() => (found = SocketSnapshot.Take(filter).Sockets).Count > 0, s_patience));
        return Assert.Single(found);
    }

    private static string? Busybox() => s_busyboxes.FirstOrDefault(p => File.Exists(p) && Execute("sh", "-c", $"ldd {p} 2>&1 || :").Contains("not a dynamic", StringComparison.Ordinal));

    private static string Execute(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{command}: status {process.ExitCode}. {errors.Result}");
    }

    // The limits of Debian's configuration may be more than this machine allows.
    private static string[] Run(string name, params string[] options) =>
        ["run", "--name", name, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", .. options, Image, "/busybox"];

    private string RunListener(string name, string seconds, params string[] options) => Podman(
    [
        .. Run(name, [.. options, "--network", "none"]),
        "sh", "-c", string.Create(CultureInfo.InvariantCulture, $"/busybox nc -l -p {Port} & /busybox sleep {seconds}"),
    ]);

    private string Podman(params string[] arguments) => Execute(
        "podman",
        [
            "--root", $"{_host.Root}/var/lib/containers/storage", "--runroot", $"{_host.Root}/run/containers/storage", "--tmpdir", $"{_host.Root}/tmp",
            "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--network-backend", "netavark", .. arguments,
        ]);
}

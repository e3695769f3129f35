using System.Globalization;
using System.Text.Json;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Bench;

/// <summary>
/// What it takes to find out whose an event is, on a machine with many containers: the processor's time for each event, and the memory that is kept.
/// </summary>
internal static class Owners
{
    private const int Containers = 1000;

    // Longer than a name of a container is believed.
    private static readonly TimeSpan s_expiry = TimeSpan.FromSeconds(11);

    public static void Measure(Settings settings, Results results)
    {
        string mount = Cgroups.MountPoint ?? throw new InvalidOperationException("No cgroup2 hierarchy is mounted.");
        DirectoryInfo host = Directory.CreateTempSubdirectory("bindsnoop-bench-");
        string parent = Directory.CreateDirectory(string.Create(CultureInfo.InvariantCulture, $"{mount}/bindsnoop-bench-{Environment.ProcessId}")).FullName;
        Environment.SetEnvironmentVariable(HostRoot.Variable, host.FullName);
        try
        {
            for (int round = 0; round <= settings.Rounds; round++)
            {
                // The first one only has everything compiled.
                Measure(host.FullName, parent, settings, round > 0 ? results : null, round);
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable(HostRoot.Variable, null);
            host.Delete(recursive: true);
            foreach (string cgroup in Directory.GetDirectories(parent))
            {
                Directory.Delete(cgroup);
            }

            Directory.Delete(parent);
        }
    }

    private static void Measure(string host, string parent, Settings settings, Results? results, int round)
    {
        SampleOrigin[] origins = [.. Enumerable.Range(0, Containers).Select(_ => new SampleOrigin { CgroupId = Make(host, parent) })];
        EventEnricher enricher = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        double first = Pass(enricher, origins, 1);
        long bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        int passes = (int)Math.Max(1, settings.Events / Containers);
        double known = Pass(enricher, origins, passes);
        Thread.Sleep(s_expiry);
        double again = Pass(enricher, origins, 1);
        results?.Add("owner-us", "first event of a container", round, first);
        results?.Add("owner-us", "further events", round, known);
        results?.Add("owner-us", "first event after 10 s", round, again);
        results?.Add("owner-mib", $"{Containers} containers", round, bytes / 1024.0 / 1024.0);
    }

    /// <summary>Microseconds of processor time for one event.</summary>
    private static double Pass(EventEnricher enricher, SampleOrigin[] origins, int passes)
    {
        long unknown = 0;
        double started = Tools.ThreadSeconds();
        for (int i = 0; i < passes; i++)
        {
            enricher.BeginBatch();
            foreach (ref readonly SampleOrigin origin in origins.AsSpan())
            {
                unknown += enricher.LookUp(origin, 0, Backend.Auto).Container?.Name is { Length: > 0 } ? 0 : 1;
            }
        }

        double time = (Tools.ThreadSeconds() - started) * 1e6;
        return unknown == 0 ? time / passes / origins.Length : throw new InvalidOperationException($"{unknown} events have no name of a container.");
    }

    /// <summary>A container of Docker, and its cgroup's id.</summary>
    private static ulong Make(string host, string parent)
    {
        string id = $"{Guid.NewGuid():N}{Guid.NewGuid():N}";
        string folder = Directory.CreateDirectory($"{host}/var/lib/docker/containers/{id}").FullName;
        File.WriteAllText(
            $"{folder}/config.v2.json",
            JsonSerializer.Serialize(new { ID = id, Name = $"/shop-web-{id[..8]}", Config = new { Hostname = id[..12], Image = "example.org/shop/web:1.29" } }));
        using FileDescriptor cgroup = Libc.open(Directory.CreateDirectory($"{parent}/{id}").FullName, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC);
        return Libc.InodeOf(cgroup);
    }
}

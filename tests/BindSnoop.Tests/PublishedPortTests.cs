using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The containers that ports of the host are published for, which processes of their engines hold.</summary>
public sealed class PublishedPortTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly HostTree _host = new();

    public void Dispose() => _host.Dispose();

    /// <summary>A child process: binds a port by a name that it gives itself, tells it, and waits.</summary>
    public static int Hold()
    {
        File.WriteAllText("/proc/self/comm", Console.ReadLine());
        if (Console.ReadLine() is { Length: > 0 } user)
        {
            Sys.DropPrivileges(uint.Parse(user, CultureInfo.InvariantCulture));
        }

        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        Console.WriteLine(((IPEndPoint)socket.LocalEndPoint!).Port);
        Console.ReadLine();
        return 0;
    }

    [Fact]
    public void TheOnlyContainerThatMayHaveThePort()
    {
        using Holder holder = new("docker-proxy", "-proto", "tcp", "-container-ip", "172.17.0.2", "-container-port", "80");
        Write("web", asked: Port("80/tcp", holder.Port));
        Write("other", asked: Port("80/tcp", holder.Port + 1));
        Write("datagrams", asked: Port("80/udp", holder.Port));
        Write("inside", asked: Port("81/tcp", holder.Port));
        holder.Is("web");
    }

    [Fact]
    public void TheContainerThatHasTheAddress()
    {
        using Holder holder = new("docker-proxy", "-container-ip", "172.17.0.2", "-container-port", "80");
        Write("old", asked: Port("80/tcp", holder.Port));
        Write("web", has: Port("80/tcp", holder.Port), address: "172.17.0.2");
        Write("other", has: Port("80/tcp", holder.Port), address: "172.17.0.3");
        holder.Is("web");
    }

    /// <summary>As it is while a container starts: which port Docker chose for it, or which of two starts, nobody has written down.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("1-65535")]
    [InlineData(null)]
    public void OfSeveralThatMayHaveItNone(string? other)
    {
        using Holder holder = new("docker-proxy", "-container-ip", "172.17.0.2", "-container-port", "80");
        Write("web", asked: Port("80/tcp", holder.Port));
        Write("other", asked: other is null ? new() : Port("80/tcp", other), isAnyPort: other is null);
        holder.Is(null);
    }

    [Fact]
    public void DockerdItself()
    {
        using Holder holder = new("dockerd");
        Write("web", asked: Port("80/tcp", holder.Port));
        Write("other", has: Port("80/tcp", holder.Port + 1));
        holder.Is("web");
    }

    [Fact]
    public void ConmonOfPodman()
    {
        string id = HostTree.NewId();
        _host.WriteList("/var/lib/containers/storage/overlay-containers/containers.json", (id, "web", []));
        using Holder holder = new("conmon", "--api-version", "1", "-c", id, "-u", id);
        holder.Is("web");
    }

    [Fact]
    public void NobodyElseIsBelieved()
    {
        using (Holder user = new("docker-proxy", ["-container-ip", "172.17.0.2", "-container-port", "80"], user: "65534"))
        {
            Write("web", asked: Port("80/tcp", user.Port));
            user.Is(null);
        }

        using (Holder another = new("nginx", "-container-ip", "172.17.0.2", "-container-port", "80"))
        {
            another.Is("");
        }

        using Holder rootless = new("rootlessport");
        rootless.Is(null);
    }

    private static JsonObject Port(string inside, int host) => Port(inside, host.ToString(CultureInfo.InvariantCulture));

    private static JsonObject Port(string inside, string host) =>
        new() { [inside] = new JsonArray(new JsonObject { ["HostIp"] = "", ["HostPort"] = host }) };

    private void Write(string name, JsonObject? asked = null, JsonObject? has = null, string address = "", bool isAnyPort = false)
    {
        string id = HostTree.NewId();
        _host.Write(
            $"/var/lib/docker/containers/{id}/config.v2.json",
            new JsonObject
            {
                ["State"] = new JsonObject { ["Running"] = has is not null },
                ["Config"] = new JsonObject { ["Image"] = "example.org/web:1" },
                ["Name"] = $"/{name}",
                ["NetworkSettings"] = new JsonObject
                {
                    ["Networks"] = new JsonObject { ["bridge"] = new JsonObject { ["IPAddress"] = address, ["GlobalIPv6Address"] = "" } },
                    ["Ports"] = has?.DeepClone(),
                },
            });
        _host.Write(
            $"/var/lib/docker/containers/{id}/hostconfig.json",
            new JsonObject { ["PortBindings"] = (asked ?? has)?.DeepClone(), ["PublishAllPorts"] = isAnyPort });
    }

    /// <summary>A process that holds a port, with a trace of its bind.</summary>
    private sealed class Holder : IDisposable
    {
        private readonly Collector _collector;
        private readonly Process _process;

        public Holder(string comm, params string[] arguments)
            : this(comm, arguments, "")
        {
        }

        public Holder(string comm, string[] arguments, string user)
        {
            Requires.Tracing();
            string[] command = [.. Child.Command(Child.HoldPort), .. arguments];
            _collector = new(new TraceOptions());
            _process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            _process.StandardInput.WriteLine(comm);
            _process.StandardInput.WriteLine(user);
            Port = int.Parse(_process.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        }

        public int Port { get; }

        public void Is(string? container)
        {
            Assert.True(_collector.WaitFor(e => e.ProcessId == _process.Id && e.Port == Port, s_patience));
            Assert.Equal(container, _collector.Finish().Single(e => e.ProcessId == _process.Id && e.Port == Port).PublishedFor);
            BindSocket socket = Assert.Single(SocketSnapshot.Take(new() { ProcessId = [(uint)_process.Id], Port = [new PortRange((ushort)Port, (ushort)Port)] }).Sockets);
            Assert.Equal(container, socket.PublishedFor);
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
            _collector.Dispose();
        }
    }
}

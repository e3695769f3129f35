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

    /// <summary>A child process: binds a port under a name that it gives itself, reports it, and waits.</summary>
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
        string[] arguments = Environment.GetCommandLineArgs();
        using FileStream? network = arguments is [.., "--open", var path] ? File.OpenRead(path) : null;
        using Process? child = arguments is [.., "--child", var target] ? Process.Start("nsenter", [$"--net={target}", "sleep", "60"]) : null;
        Console.WriteLine(((IPEndPoint)socket.LocalEndPoint!).Port);
        Console.ReadLine();
        child?.Kill();
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
        holder.Is(null, null);
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
            user.Is(null, null);
        }

        using (Holder another = new("nginx", "-container-ip", "172.17.0.2", "-container-port", "80"))
        {
            another.Is("");
        }

        using Holder rootless = new("rootlessport");
        rootless.Is(null, null);
    }

    /// <summary>As pasta has it: a descriptor of the container's network namespace.</summary>
    [Theory]
    [InlineData("pasta")]
    [InlineData("passt.avx2")]
    public void AContainerByADescriptorOfItsNetwork(string comm)
    {
        string id = HostTree.NewId();
        using Network network = new($"/user@1000.service/user.slice/libpod-{id}.scope/container");
        using Holder holder = new(comm, "--open", network.Path);
        holder.Is("", id);
    }

    /// <summary>As rootlessport has it: a child in the container's network namespace.</summary>
    [Fact]
    public void AContainerByAChildInItsNetwork()
    {
        string id = HostTree.NewId();
        using Network network = new($"/user@1000.service/user.slice/libpod-{id}.scope/container");
        using Holder holder = new("rootlessport", "--child", network.Path);
        holder.Is("", id);
    }

    /// <summary>Root's, which has a name that nobody else can choose.</summary>
    [Fact]
    public void AContainerOfTheSystemByItsNetwork()
    {
        string id = HostTree.NewId();
        _host.WriteList("/var/lib/containers/storage/overlay-containers/containers.json", (id, "web", []));
        using Network network = new($"/libpod-{id}.scope/container");
        using Holder holder = new("pasta", "--open", network.Path);
        holder.Is("web");
    }

    /// <summary>slirp4netns keeps no descriptor; who names its sockets is believed as to whose container it is.</summary>
    [Theory]
    [InlineData("65534", "")]
    [InlineData("", "web")]
    public void AContainerByTheSocketForCommands(string user, string name)
    {
        string id = HostTree.NewId();
        _host.WriteList("/var/lib/containers/storage/overlay-containers/containers.json", (id, "web", []));
        using Holder holder = new("slirp4netns", ["-c", "--api-socket", $"/run/user/1000/libpod/tmp/{id}.net", "--netns-type=path", "tap0"], user);
        holder.Is(name, user.Length > 0 ? id : "");
    }

    [Fact]
    public void SeveralContainersInOneNetworkAreNone()
    {
        using Network network = new($"/user@1000.service/user.slice/libpod-{HostTree.NewId()}.scope");
        using (Holder holder = new("pasta", "--open", network.Path))
        {
            network.Enter($"/user@1000.service/user.slice/libpod-{HostTree.NewId()}.scope");
            holder.Is(null, null);
        }

        using Network empty = new("");
        using Holder other = new("pasta", "--open", empty.Path);
        other.Is(null, null);
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

        public void Is(string? container, string? userContainer = "")
        {
            Assert.True(_collector.WaitFor(e => e.ProcessId == _process.Id && e.Port == Port, s_patience));
            BindEvent bind = _collector.Finish().Single(e => e.ProcessId == _process.Id && e.Port == Port);
            Assert.Equal((container, userContainer), (bind.PublishedFor, bind.UserPublishedFor));
            BindSocket socket = Assert.Single(SocketSnapshot.Take(new() { ProcessId = [(uint)_process.Id], Port = [new PortRange((ushort)Port, (ushort)Port)] }).Sockets);
            Assert.Equal((container, userContainer), (socket.PublishedFor, socket.UserPublishedFor));
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
            _collector.Dispose();
        }
    }

    /// <summary>A network namespace with processes of containers in it.</summary>
    private sealed class Network : IDisposable
    {
        private readonly CgroupTree _tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        private readonly List<Process> _processes = [];

        /// <param name="cgroup">That of the process that makes it, below a slice.</param>
        public Network(string cgroup)
        {
            Start(cgroup, "unshare", "--net", "sleep", "60");
            Assert.True(SpinWait.SpinUntil(() => Host.Namespaces.InodeOf(Path) != Host.NetworkNamespaces.Own && Host.Processes.CommOf(_processes[0].Id) == "sleep", s_patience));
        }

        public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/{_processes[0].Id}/ns/net");

        /// <summary>Has another process in it, in another cgroup.</summary>
        public void Enter(string cgroup)
        {
            Start(cgroup, "nsenter", $"--net={Path}", "sleep", "60");
            Assert.True(SpinWait.SpinUntil(() => Host.Processes.CommOf(_processes[^1].Id) == "sleep", s_patience));
        }

        public void Dispose()
        {
            foreach (Process process in _processes)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }

            _tree.Dispose();
        }

        private void Start(string cgroup, string program, params string[] arguments)
        {
            string made = "";
            foreach (string part in cgroup.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                made += $"/{part}";
                if (!Directory.Exists(_tree.InFileSystem(_tree.Root + made)))
                {
                    _ = _tree.Create(made);
                }
            }

            _tree.Within(_tree.Root + cgroup, () => _processes.Add(Process.Start(program, arguments)));
        }
    }
}

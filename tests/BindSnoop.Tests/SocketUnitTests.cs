using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Diagnosis;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Sockets that systemd makes for its .socket units, and what it starts for them.</summary>
public sealed class SocketUnitTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly HostTree _host = new();
    private readonly string _name = $"bindsnoop-{Guid.NewGuid():N}";

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData("/system.slice/ssh.socket", "ssh.socket")]
    [InlineData("/system.slice/system-a.slice/a@b.socket", "a@b.socket")]
    [InlineData("/a.socket", "a.socket")]
    [InlineData("/system.slice/ssh.service", "")]
    [InlineData("/", "")]
    [InlineData("", null)]
    [InlineData("/init.scope", null)]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/init.scope", "")]

    // Whoever a cgroup was delegated to gives those below it their names.
    [InlineData("/system.slice/app.service/ssh.socket", "")]
    [InlineData("/system.slice/app.service/init.scope", "")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.socket", "")]
    [InlineData("/user.slice/user-1000.slice/session-1.scope/system.slice/ssh.socket", "")]
    public void TheUnitIsThatOfTheCgroup(string path, string? unit) => Assert.Equal(unit, SocketUnits.Of(path));

    [Fact]
    public void ByDefaultTheServiceOfTheSameName()
    {
        Write("/usr/lib/systemd/system", ".socket", "[Unit]\nDescription=Service=other.service\n[Socket]\nListenStream=80\n");
        Activates($"{_name}.service");
    }

    [Theory]
    [InlineData("[Socket]\nService=a.service\n", "a.service")]
    [InlineData("[Socket]\n Service = a.service \n", "a.service")]
    [InlineData("[Socket]\nService=\\\na.service\n", "a.service")]
    [InlineData("[Socket]\n#Service=a.service\n[Install]\nService=b.service\n", null)]
    [InlineData("[Socket]\nService=a.service\nService=b.service\nService=\n", "b.service")]
    public void TheServiceThatItsFileNames(string content, string? service)
    {
        Write("/etc/systemd/system", ".socket", content);
        Activates(service ?? $"{_name}.service");
    }

    [Fact]
    public void TheFirstFileCountsAndEachChangeOfIt()
    {
        Write("/usr/lib/systemd/system", ".socket", "[Socket]\nService=vendor.service\n");
        Write("/run/systemd/generator", ".socket", "[Socket]\nService=generated.service\n");
        Write("/usr/lib/systemd/system", ".socket.d/10-a.conf", "[Socket]\nService=b.service\n");
        Write("/usr/lib/systemd/system", ".socket.d/20-b.conf", "[Socket]\nService=never.service\n");
        Write("/etc/systemd/system", ".socket.d/20-b.conf", "[Socket]\nService=last.service\n");
        Write("/etc/systemd/system", ".socket.d/30-c.txt", "[Socket]\nService=never.service\n");
        Activates("last.service");
    }

    [Fact]
    public void ChangesForTheFirstPartOfAName()
    {
        Write("/etc/systemd/system", ".socket", "[Socket]\n");
        _host.Write("/etc/systemd/system/bindsnoop-.socket.d/a.conf", "[Socket]\nService=a.service\n");
        Activates("a.service");
    }

    [Fact]
    public void OneInstanceForEachConnection()
    {
        Write("/etc/systemd/system", ".socket", "[Socket]\nAccept=yes\n");
        Activates($"{_name}@.service");
    }

    [Fact]
    public void AnInstanceOfATemplate()
    {
        Write("/etc/systemd/system", "@.socket", "[Socket]\nAccept=yes\nAccept=no\nAccept=perhaps\n");
        Assert.Equal($"{_name}@a.service", SocketUnits.ServiceOf($"{_name}@a.socket"));
    }

    [Theory]
    [InlineData("[Socket]\nService=a@%i.service\n")]
    [InlineData("[Socket]\nService=a\u001b.service\n")]
    [InlineData("[Socket]\nService=a\n")]
    public void WhatIsNotTheNameOfAServiceIsNotKnown(string content)
    {
        Write("/etc/systemd/system", ".socket", content);
        Activates(null);
    }

    [Fact]
    public void AUnitWithoutAFileIsNotKnown()
    {
        Activates(null);
        Assert.Null(SocketUnits.ServiceOf(null));
        Assert.Equal("", SocketUnits.ServiceOf(""));
    }

    /// <summary>Its name may stand in a file that is not read in its place.</summary>
    [Fact]
    public void ALinkIsNotFollowed()
    {
        string elsewhere = _host.Write("/srv/elsewhere", "[Socket]\nService=elsewhere.service\n");
        Write("/usr/lib/systemd/system", ".socket", "[Socket]\n");
        Directory.CreateDirectory($"{_host.Root}/etc/systemd/system");
        File.CreateSymbolicLink($"{_host.Root}/etc/systemd/system/{_name}.socket", elsewhere);
        Activates(null);
    }

    [Theory]
    [InlineData(".socket")]
    [InlineData(".socket.d/a.conf")]
    public void FilesThatOthersMayWriteAreNotTrusted(string file)
    {
        Write("/etc/systemd/system", ".socket", "[Socket]\n");
        Write("/etc/systemd/system", file, "[Socket]\nService=forged.service\n");
        File.SetUnixFileMode($"{_host.Root}/etc/systemd/system/{_name}{file}", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        Activates(null);
    }

    /// <summary>As systemd does: the socket is made in the unit's cgroup, and held, used and closed by others.</summary>
    [Fact]
    public void EventsAndSocketsHaveTheUnit()
    {
        Requires.Tracing();
        string unit = Write("/run/systemd/system", ".socket", "[Socket]\nService=web.service\n");
        using CgroupTree tree = new(unit);
        TraceOptions options = new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };
        using Collector binds = new(options);
        using ListenCollector listens = new(options);
        using AcceptCollector accepts = new(options);
        using ReleaseCollector releases = new(options);
        TcpListener? made = null;
        tree.Within(tree.Root, () =>
        {
            made = new(IPAddress.Loopback, 0);
            made.Start();
        });
        string explanation = Test(made!).Explanation;
        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        foreach (TcpListener listener in new[] { made!, other })
        {
            using TcpClient client = new();
            client.Connect((IPEndPoint)listener.LocalEndpoint);
            using Socket accepted = listener.AcceptSocket();
        }

        BindSocket[] sockets = [Of(made!), Of(other)];
        Assert.Equal(unit, Assert.Single(SocketSnapshot.Take(new() { Unit = [unit], ProcessId = [(uint)Environment.ProcessId] }).Sockets).SocketUnit);
        made!.Stop();
        other.Stop();
        Assert.True(binds.WaitForCount(2, s_patience) && listens.WaitForCount(2, s_patience) && accepts.WaitForCount(2, s_patience) && releases.WaitForCount(2, s_patience));
        (string?, string?)[] expected = [(unit, "web.service"), ("", "")];
        Assert.Equal(expected, sockets.Select(s => (s.SocketUnit, s.ActivatedUnit)));
        Assert.Equal(expected, binds.Finish().Select(Units));
        Assert.Equal(expected, listens.Finish().Select(Units));
        Assert.Equal(expected, accepts.Finish().Select(Units));
        Assert.Equal(expected, releases.Finish().Select(Units));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"(pid {Environment.ProcessId}, by {unit}, started "), explanation, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"stop {unit} and pid {Environment.ProcessId}, "), explanation, StringComparison.Ordinal);

        static (string?, string?) Units(TraceEvent seen) => (seen.SocketUnit, seen.ActivatedUnit);
    }

    /// <summary>What systemd holds is stopped by its unit, and not with systemd.</summary>
    [Fact]
    public void WhatSystemdHoldsIsExplainedByItsUnit()
    {
        Requires.Tracing();
        string unit = Write("/run/systemd/system", ".socket", "[Socket]\n");
        using CgroupTree tree = new($"{_name}.slice");
        string made = tree.Create($"/{unit}"), manager = tree.Create("/init.scope");
        TcpListener? known = null, unknown = null;
        tree.Within(made, () => (known = new(IPAddress.Loopback, 0)).Start());
        tree.Within(manager, () =>
        {
            (unknown = new(IPAddress.Loopback, 0)).Start();
            string explanation = Test(known!).Explanation;
            Assert.Contains($", for {unit}, which starts {_name}.service, started ", explanation, StringComparison.Ordinal);
            Assert.Contains($" stop {unit}, or ", explanation, StringComparison.Ordinal);
            Assert.Contains(" stop its .socket unit, which 'systemctl list-sockets' shows, or ", Test(unknown!).Explanation, StringComparison.Ordinal);
            Assert.Null(Of(unknown!).SocketUnit);
        });
        known!.Stop();
        unknown!.Stop();
    }

    /// <summary>With systemd itself, where this machine runs it.</summary>
    [Fact]
    public void TheSystemsOwnSystemd()
    {
        Requires.Tracing();
        Assert.SkipUnless(Directory.Exists("/run/systemd/system") && Processes.CommOf(1) == "systemd", "This machine does not run systemd.");
        string[] files = [$"/run/systemd/system/{_name}.socket", $"/run/systemd/system/{_name}-web.service"];
        File.WriteAllText(files[0], $"[Socket]\nListenStream=127.0.0.1:22391\nListenDatagram=127.0.0.1:22391\nService={_name}-web.service\n");
        File.WriteAllText(files[1], "[Service]\nExecStart=/bin/sleep infinity\n");
        Environment.SetEnvironmentVariable(HostRoot.Variable, null);
        try
        {
            Systemctl("daemon-reload");
            using Collector binds = new(new() { Filter = new() { Port = [new PortRange(22391, 22391)] } });
            Systemctl("start", $"{_name}.socket");
            Assert.True(binds.WaitForCount(2, s_patience));
            BindEvent[] events = [.. binds.Finish()];
            BindSocket[] sockets = [.. SocketSnapshot.Take(new() { Port = [new PortRange(22391, 22391)] }).Sockets];
            Assert.Equal(2, sockets.Length);
            Assert.All(events, e => Assert.Equal(($"{_name}.socket", $"{_name}.socket", $"{_name}-web.service"), (e.Unit, e.SocketUnit, e.ActivatedUnit)));
            Assert.All(sockets, s => Assert.Equal(("systemd", $"{_name}.socket", $"{_name}-web.service"), (s.Comm, s.SocketUnit, s.ActivatedUnit)));
            string explanation = BindPortTest.Run(new() { Address = IPAddress.Loopback, Port = 22391 }).Explanation;
            Assert.Contains($"for {_name}.socket, which starts {_name}-web.service", explanation, StringComparison.Ordinal);
        }
        finally
        {
            Systemctl("stop", $"{_name}.socket");
            Array.ForEach(files, File.Delete);
            Systemctl("daemon-reload");
        }
    }

    private static void Systemctl(params string[] arguments)
    {
        using Process process = Process.Start("systemctl", arguments);
        process.WaitForExit();
    }

    private static ushort PortOf(TcpListener listener) => (ushort)((IPEndPoint)listener.LocalEndpoint).Port;

    private static BindPortTest Test(TcpListener listener) => BindPortTest.Run(new() { Address = IPAddress.Loopback, Port = PortOf(listener) });

    private static BindSocket Of(TcpListener listener)
    {
        ushort port = PortOf(listener);
        return Assert.Single(SocketSnapshot.Take(new() { ProcessId = [(uint)Environment.ProcessId], Port = [new PortRange(port, port)] }).Sockets);
    }

    private void Activates(string? service) => Assert.Equal(service, SocketUnits.ServiceOf($"{_name}.socket"));

    private string Write(string folder, string file, string content)
    {
        _host.Write($"{folder}/{_name}{file}", content);
        return $"{_name}.socket";
    }
}

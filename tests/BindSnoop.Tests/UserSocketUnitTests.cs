using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Diagnosis;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Sockets that a user's own systemd makes for the user's .socket units.</summary>
public sealed class UserSocketUnitTests : IDisposable
{
    private const int Tcp = 6;
    private const int Udp = 17;

    private const string Own = "/home/someone/.config/systemd/user";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    // What was looked up is remembered by it.
    private static int s_lastUid = 424200;

    private readonly HostTree _host = new();
    private readonly uint _uid = (uint)Interlocked.Increment(ref s_lastUid);

    public UserSocketUnitTests() => _host.Write("/etc/passwd", $"root:x:0:0:root:/root:/bin/sh\nother:x:1:1::/home/other:\nsomeone:x:{_uid}:{_uid}:A B,,:/home/someone:/bin/sh\n");

    private string Run => $"/run/user/{_uid}/systemd";

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData("ListenStream=8080", Tcp, "a.socket")]
    [InlineData("ListenStream=8080", Udp, null)]
    [InlineData("ListenDatagram=8080", Udp, "a.socket")]
    [InlineData("ListenStream=127.0.0.1:8080", Tcp, "a.socket")]
    [InlineData("ListenStream=[::1]:8080", Tcp, "a.socket")]
    [InlineData("ListenStream=[fe80::1]:8080%eth0", Tcp, "a.socket")]
    [InlineData("ListenStream=8080\nListenStream=\nListenStream=8081", Tcp, null)]
    [InlineData("ListenStream=/run/8080\nListenStream=@8080\nListenStream=%t/a:8080\nListenStream=vsock::8080", Tcp, null)]
    [InlineData("ListenStream=8080\nSocketProtocol=sctp", Tcp, null)]
    [InlineData("ListenStream=8080\nSocketProtocol=sctp", 132, "a.socket")]
    [InlineData("ListenDatagram=8080\nSocketProtocol=udplite", 136, "a.socket")]
    [InlineData("ListenStream=8080\nSocketProtocol=mptcp", 262, "a.socket")]
    public void TheUnitAsksForThePort(string content, int protocol, string? unit)
    {
        Write(Own, "a.socket", content);
        Write(Own, "b.socket", "ListenStream=8082");
        Assert.Equal(unit, UserSocketUnits.Of(_uid, protocol, 8080));
    }

    [Fact]
    public void FoldersAndChangesCountAsForSystemd()
    {
        Write("/usr/lib/systemd/user", "a.socket", "ListenStream=8080\nService=vendor.service");
        Write($"{Own}/a.socket.d", "10.conf", "Service=mine.service");
        Write("/usr/lib/systemd/user", "b.socket", "ListenStream=8081");
        Write(Own, "b.socket", "ListenStream=8082");
        Write($"{Run}/transient", "c.socket", "ListenStream=8083");
        Write("/etc/systemd/user", "d.socket", "ListenStream=8084\nAccept=yes");
        Assert.Equal(["a.socket", null, "b.socket", "c.socket", "d.socket"], Enumerable.Range(8080, 5).Select(p => UserSocketUnits.Of(_uid, Tcp, p)));
        Assert.Equal(["mine.service", null, "b.service", "c.service", "d@.service"], Enumerable.Range(8080, 5).Select(p => UserSocketUnits.ServiceOf(_uid, Tcp, p)));
    }

    /// <summary>What cannot be told apart, or not be read, could be any of them.</summary>
    [Theory]
    [InlineData("ListenStream=127.0.0.2:8080")]
    [InlineData("ListenStream=%i")]
    [InlineData(null)]
    public void Doubt(string? other)
    {
        Write(Own, "a.socket", "ListenStream=127.0.0.1:8080");
        if (other is not null)
        {
            Write(Own, "b.socket", other);
        }
        else
        {
            File.CreateSymbolicLink($"{_host.Root}{Own}/b.socket", $"{_host.Root}{Own}/a.socket");
        }

        Assert.Null(UserSocketUnits.Of(_uid, Tcp, 8080));
        Assert.Null(UserSocketUnits.ServiceOf(_uid, Tcp, 8080));
    }

    [Fact]
    public void WhatIsMaskedIsNoDoubt()
    {
        Write(Own, "a.socket", "ListenStream=8080");
        Write("/usr/lib/systemd/user", "b.socket", "ListenStream=8080");
        File.CreateSymbolicLink($"{_host.Root}{Own}/b.socket", "/dev/null");
        Assert.Equal("a.socket", UserSocketUnits.Of(_uid, Tcp, 8080));
    }

    /// <summary>The user's own files count, another user's do not, and nothing that a name could do harm with.</summary>
    [Fact]
    public void OthersHaveNoSay()
    {
        Write(Own, "a.socket", "ListenStream=8080");
        Chown($"{Own}/a.socket", _uid);
        Chown(Own, _uid);
        Write(Own, "\u001b[31m.socket", "ListenStream=8080");
        Write(Own, "a@.socket", "ListenStream=8080");
        Assert.Equal("a.socket", UserSocketUnits.Of(_uid, Tcp, 8080));

        uint other = (uint)Interlocked.Increment(ref s_lastUid);
        _host.Write("/etc/passwd", $"someone:x:{other}:{other}::/home/someone:/bin/sh\n");
        Assert.Null(UserSocketUnits.Of(other, Tcp, 8080));
    }

    [Fact]
    public void WithoutAHomeNothingIsKnown()
    {
        Write("/etc/systemd/user", "a.socket", "ListenStream=8080");
        _host.Write("/etc/passwd", "");
        Assert.Null(UserSocketUnits.Of(_uid, Tcp, 8080));
    }

    [Theory]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/init.scope", 1000u)]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", null)]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/init.scope", null)]
    [InlineData("/user.slice/user-1000.slice/session-1.scope/user@0.service/init.scope", null)]
    [InlineData("/user@4294967296.service/init.scope", null)]
    [InlineData("/init.scope", null)]
    [InlineData("", null)]
    public void TheUserIsThatOfTheManager(string path, uint? uid) => Assert.Equal(uid, SocketUnits.UserOfManager(path));

    /// <summary>As a user's systemd does: the socket is made where it runs itself, and nothing else says for which unit.</summary>
    [Fact]
    public void EventsAndSocketsHaveTheUnit()
    {
        Requires.Tracing();
        using CgroupTree tree = new($"bindsnoop-{Guid.NewGuid():N}.slice");
        tree.Create($"/user@{_uid}.service");
        string manager = tree.Create($"/user@{_uid}.service/init.scope");
        TraceOptions options = new() { Filter = new() { ProcessId = [(uint)Environment.ProcessId] } };
        using Collector binds = new(options);
        using ListenCollector listens = new(options);
        int port = 0;
        BindSocket? socket = null;
        string explanation = "";
        tree.Within(manager, () =>
        {
            using TcpListener listener = new(IPAddress.Loopback, 0);
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
            Write(Own, "web.socket", string.Create(CultureInfo.InvariantCulture, $"ListenStream=127.0.0.1:{port}\nService=app.service"));
            socket = Assert.Single(SocketSnapshot.Take(new() { ProcessId = [(uint)Environment.ProcessId], Port = [new PortRange((ushort)port, (ushort)port)] }).Sockets);
            explanation = BindPortTest.Run(new() { Address = IPAddress.Loopback, Port = (ushort)port }).Explanation;
        });
        Assert.True(binds.WaitForCount(1, s_patience) && listens.WaitForCount(1, s_patience));
        (string?, string?, string?, string?, string?, string?) expected = ($"user@{_uid}.service", "init.scope", "", "", "web.socket", "app.service");
        Assert.All(binds.Finish(), e => Assert.Equal(expected, (e.Unit, e.UserUnit, e.SocketUnit, e.ActivatedUnit, e.UserSocketUnit, e.UserActivatedUnit)));
        Assert.All(listens.Finish(), e => Assert.Equal(expected, (e.Unit, e.UserUnit, e.SocketUnit, e.ActivatedUnit, e.UserSocketUnit, e.UserActivatedUnit)));
        Assert.Equal(expected, (socket!.Unit, socket.UserUnit, socket.SocketUnit, socket.ActivatedUnit, socket.UserSocketUnit, socket.UserActivatedUnit));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $", for web.socket of {_uid}, which starts app.service, started "), explanation, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $" stop web.socket of {_uid}, or "), explanation, StringComparison.Ordinal);
    }

    private void Write(string folder, string name, string settings) => _host.Write($"{folder}/{name}", $"[Socket]\n{settings}\n");

    private void Chown(string path, uint uid)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start("chown", [uid.ToString(CultureInfo.InvariantCulture), _host.Root + path]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Causes, holders and advice, each of sockets made for it.</summary>
public sealed class BindPortTestTests
{
    private const uint Nobody = 65534;

    [Fact]
    public void AListenerIsNamed()
    {
        using Socket socket = Bound(ProtocolType.Tcp);
        socket.Listen();
        BindPortTest test = Run(socket);
        Assert.Equal((false, "Listening", "EADDRINUSE"), (test.Available, test.Cause, test.ErrorName));
        Assert.Equal(Environment.ProcessId, Assert.Single(test.Holders).ProcessId);
        Assert.Contains($"(pid {Environment.ProcessId}, ", test.Explanation, StringComparison.Ordinal);
        Assert.Contains($"listens on TCP 127.0.0.1:{PortOf(socket)}", test.Explanation, StringComparison.Ordinal);
        Assert.EndsWith(".", test.Explanation, StringComparison.Ordinal);

        // Neither would help: it listens, and has not set SO_REUSEPORT.
        Assert.DoesNotContain("SO_REUSE", test.Explanation, StringComparison.Ordinal);
        Assert.False(Run(socket, r => r with { ReuseAddress = true }).Available);
    }

    /// <summary>What is advised works, and what does not work is not advised.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void AdviceIsTrue(bool reuseAddress, bool reusePort)
    {
        ushort port = FreePort();
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Set(socket, reuseAddress, reusePort);
        Assert.Equal(0, Sys.Bind(socket, IPAddress.Loopback, port));
        BindRequest request = new() { Port = port, Address = IPAddress.Loopback };
        BindPortTest test = BindPortTest.Run(request);
        Assert.Equal("Bound", test.Cause);
        Assert.Equal(reuseAddress, test.Explanation.Contains("set SO_REUSEADDR on", StringComparison.Ordinal));
        Assert.Equal(reusePort, test.Explanation.Contains("set SO_REUSEPORT on", StringComparison.Ordinal));
        foreach ((bool address, bool shared) in new[] { (false, false), (true, false), (false, true) })
        {
            using Socket other = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Set(other, address, shared);
            bool binds = Sys.Bind(other, IPAddress.Loopback, port) == 0;
            Assert.Equal((address && reuseAddress) || (shared && reusePort), binds);
            other.Dispose();
            Assert.Equal(binds, BindPortTest.Run(request with { ReuseAddress = address, ReusePort = shared }).Available);
        }
    }

    [Fact]
    public void AnotherUserCannotShare()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Set(socket, false, true);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        BindPortTest test = Run(socket, r => r with { Protocol = 17, ReusePort = true, Uid = Nobody });
        Assert.Equal((false, "ReusePortOtherUser"), (test.Available, test.Cause));
        Assert.Contains("same user", test.Explanation, StringComparison.Ordinal);
        Assert.True(Run(socket, r => r with { Protocol = 17, ReusePort = true }).Available);
    }

    [Fact]
    public void ConnectionsAndWhatIsLeftOfThem()
    {
        using Socket listener = Bound(ProtocolType.Tcp);
        listener.Listen();
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        using Socket server = listener.Accept();
        int port = ((IPEndPoint)client.LocalEndPoint!).Port;
        BindRequest request = new() { Port = (ushort)port, Address = IPAddress.Loopback };
        Assert.Equal("Connection", BindPortTest.Run(request).Cause);
        client.Shutdown(SocketShutdown.Send);
        _ = server.Receive(new byte[1]);
        server.Close();
        _ = client.Receive(new byte[1]);
        client.Close();
        BindPortTest closed = BindPortTest.Run(request);
        Assert.Equal("TimeWait", closed.Cause);
        Assert.Equal("TimeWait", closed.Holders[0].HeldBy);
        Assert.Contains("60 seconds", closed.Explanation, StringComparison.Ordinal);
    }

    /// <summary>A socket of all addresses meets one of either IP version, and IPV6_V6ONLY is advised where it helps.</summary>
    [Fact]
    public void AllAddressesAreBothVersions()
    {
        using Socket socket = Bound(ProtocolType.Tcp);
        BindRequest all = new() { Port = (ushort)PortOf(socket) };
        Assert.Contains("IPV6_V6ONLY", BindPortTest.Run(all).Explanation, StringComparison.Ordinal);
        Assert.True(BindPortTest.Run(all with { IPv6Only = true }).Available);
        Assert.True(BindPortTest.Run(all with { Address = IPAddress.IPv6Loopback }).Available);
        Assert.False(BindPortTest.Run(all with { Address = IPAddress.Any }).Available);
        Assert.True(BindPortTest.Run(all with { Protocol = 17 }).Available);
        Assert.False(BindPortTest.Run(all with { Protocol = 262 }).Available);
    }

    [Fact]
    public void LowPortsTakeACapability()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "An ordinary user has no capability to compare with.");
        BindRequest request = new() { Port = 1, Address = IPAddress.Loopback };
        Assert.NotEqual("PrivilegedPort", BindPortTest.Run(request).Cause);
        BindPortTest test = BindPortTest.Run(request with { Uid = Nobody });
        Assert.Equal((false, "PrivilegedPort", "EACCES"), (test.Available, test.Cause, test.ErrorName));
        Assert.Contains("CAP_NET_BIND_SERVICE", test.Explanation, StringComparison.Ordinal);
        Assert.NotEqual("PrivilegedPort", BindPortTest.Run(request with { Uid = Nobody, Port = 65000 }).Cause);
    }

    /// <summary>Each namespace has a threshold, and root of one need not be root of the other.</summary>
    [Fact]
    public void ThresholdAndCapabilityAreOfTheNamespace()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can make a network namespace.");
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_unprivileged_port_start", "700");
            using Process holder = Process.Start(new ProcessStartInfo("sleep", "60"))!;
            try
            {
                BindRequest request = new() { Port = 699, Address = IPAddress.Any, NetworkNamespace = Sys.NamespaceOf("net"), Uid = Nobody };
                Assert.Equal("PrivilegedPort", BindPortTest.Run(request).Cause);
                Assert.True(BindPortTest.Run(request with { Port = 700 }).Available);
                Assert.True(BindPortTest.Run(request with { Uid = null, ProcessId = (uint)holder.Id }).Available);
            }
            finally
            {
                holder.Kill();
                holder.WaitForExit();
            }
        });
    }

    [Theory]
    [InlineData("192.0.2.250", "AddressNotLocal", "EADDRNOTAVAIL")]
    [InlineData("2001:db8::250", "AddressNotLocal", "EADDRNOTAVAIL")]
    [InlineData("ff02::1", "BadAddress", "EINVAL")]
    [InlineData("fe80::1234", "BadAddress", "EINVAL")]
    [InlineData("::ffff:192.0.2.250", "AddressNotLocal", "EADDRNOTAVAIL")]
    [InlineData("127.5.6.7", "", "")]
    [InlineData("255.255.255.255", "", "")]
    [InlineData("224.0.0.1", "", "")]
    [InlineData("::1", "", "")]
    public void AddressesAreAsTheKernelSees(string address, string cause, string error)
    {
        BindPortTest test = BindPortTest.Run(new() { Port = FreePort(), Address = IPAddress.Parse(address) });
        Assert.Equal((cause, error), (test.Cause, test.ErrorName));
        int expected = Sys.BindOnce(address, 0);
        Assert.Equal(expected, test.ErrorCode);
    }

    [Fact]
    public void AnAddressOfAnotherNamespaceIsFoundThere()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can look into other network namespaces.");
        using SocketZoo zoo = new();

        // An address that bindtruth gives to lo of its private network.
        BindPortTest test = BindPortTest.Run(new() { Port = 2001, Address = IPAddress.Parse("10.77.0.1") });
        Assert.Equal("AddressInOtherNamespace", test.Cause);
        Assert.Contains("another network namespace, ", test.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void APortOfTheKernelsChoice()
    {
        Assert.True(BindPortTest.Run(new() { Port = 0 }).Available);
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can make a network namespace.");
        Sys.InNewNamespace(Sys.NewNamespaceNetwork, () =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/ip_local_port_range", "40000 40007");
            File.WriteAllText("/proc/sys/net/ipv4/ip_local_reserved_ports", "40006-40007");
            using Process holder = Process.Start(new ProcessStartInfo("sleep", "60"))!;
            List<Socket> taken = [];
            try
            {
                BindRequest request = new() { Port = 0, Address = IPAddress.Any, ProcessId = (uint)holder.Id };
                for (int i = 0; i < 6; i++)
                {
                    Assert.True(BindPortTest.Run(request).Available);
                    Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    taken.Add(socket);
                    socket.Bind(new IPEndPoint(IPAddress.Any, 0));
                }

                Assert.Equal(Sys.EAddrInUse, Sys.BindOnce("0.0.0.0", 0));
                BindPortTest test = BindPortTest.Run(request);
                Assert.Equal((false, "NoFreePort", 6), (test.Available, test.Cause, test.Holders.Count));
            }
            finally
            {
                taken.ForEach(s => s.Dispose());
                holder.Kill();
                holder.WaitForExit();
            }
        });
    }

    [Fact]
    public void AMissingProcessIsOneError() =>
        Assert.Equal("ProcessNotFound", Assert.Throws<TraceException>(() => BindPortTest.Run(new() { Port = 80, ProcessId = 4194305 })).ErrorId);

    [Theory]
    [InlineData("")]
    [InlineData("10.0.0.0/8")]
    [InlineData("1")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1%lo")]
    [InlineData("fe80::1%")]
    public void AnInvalidAddressIsOneError(string text) =>
        Assert.Equal("InvalidAddress", Assert.Throws<TraceException>(() => BindRequest.ParseAddress(text)).ErrorId);

    /// <summary>Without privileges one's own network namespace is seen, and processes of others are not.</summary>
    [Fact]
    public void WithoutPrivilegesAHolderIsSeen()
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can give up root.");
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 20975));
        listener.Listen();
        using Socket bound = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 20976));
        string[] lines = Child.Start(Child.TestPort).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["False Listening A process that could not be seen", "Unknown", "False PrivilegedPort"], lines);
    }

    /// <summary>The child of that.</summary>
    internal static void TestPortWithoutPrivileges()
    {
        Sys.DropPrivileges(Nobody);
        BindPortTest test = BindPortTest.Run(new() { Port = 20975, Address = IPAddress.Loopback });
        Console.WriteLine($"{test.Available} {test.Cause} {test.Explanation.Split(" listens")[0]}");

        // Whether both could share that one depends on options that it may not see.
        Console.WriteLine(BindPortTest.Run(new() { Port = 20976, Address = IPAddress.Loopback, ReuseAddress = true }).Cause);
        test = BindPortTest.Run(new() { Port = 79, Address = IPAddress.Loopback });
        Console.WriteLine($"{test.Available} {test.Cause}");
    }

    private static Socket Bound(ProtocolType protocol)
    {
        Socket socket = new(AddressFamily.InterNetwork, protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream, protocol);
        Set(socket, false, false);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    // .NET sets SO_REUSEADDR itself.
    private static void Set(Socket socket, bool reuseAddress, bool reusePort)
    {
        const int SolSocket = 1;
        const int ReuseAddress = 2;
        const int ReusePort = 15;
        socket.SetRawSocketOption(SolSocket, ReuseAddress, BitConverter.GetBytes(reuseAddress ? 1 : 0));
        socket.SetRawSocketOption(SolSocket, ReusePort, BitConverter.GetBytes(reusePort ? 1 : 0));
    }

    private static BindPortTest Run(Socket holder, Func<BindRequest, BindRequest>? change = null)
    {
        BindRequest request = new() { Port = (ushort)PortOf(holder), Address = IPAddress.Loopback };
        return BindPortTest.Run(change?.Invoke(request) ?? request);
    }

    private static ushort FreePort()
    {
        using Socket socket = Bound(ProtocolType.Tcp);
        return (ushort)PortOf(socket);
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}

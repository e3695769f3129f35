using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>
/// Every command line of the example pages of bcc's bindsnoop and tcpaccept, unchanged except for process ids and
/// paths, and for tcpaccept also ports. The output must have the columns that the pages show.
/// </summary>
public sealed class ExampleTests
{
    private const string Columns = "     PID COMM         PROT ADDR            PORT   OPTS IF";
    private const string WideColumns = "       PID COMM         PROT ADDR                                    PORT   OPTS IF";
    private const string AcceptColumns = "PID     COMM         IP RADDR            RPORT LADDR            LPORT";
    private const string Comm = "page-test";

    // As in the pages: A and B have the ports that they filter by, C is their first line, D and E are another user's, and E fails.
    private static readonly Made[] s_binds =
    [
        new('A', "TCP", "0.0.0.0", 80, "...R.", Native.ReuseAddress),
        new('B', "TCP", "::", 81, "....r", Native.ReusePort),
        new('C', "TCP", "192.0.2.102", 0, "F.N..", Native.FreeBind, Native.BindAddressNoPort),
        new('D', "UDP", "::", 48665, ".....") { Uid = 1000 },
        new('E', "TCP", "0.0.0.0", 80, ".....") { Uid = 1000, Error = Native.EACCES, ErrorText = "Permission denied" },
    ];

    [Theory]
    [InlineData("", Columns, "ABCD")]
    [InlineData("-t", "TIME(s)   " + Columns, "ABCD")]
    [InlineData("-w", WideColumns, "ABCD")]
    [InlineData("-p PID", Columns, "ABCD")]
    [InlineData("-P 80", Columns, "A")]
    [InlineData("-P 80,81", Columns, "AB")]
    [InlineData("-U", "   UID " + Columns, "ABCD")]
    [InlineData("-u 1000", Columns, "D")]
    [InlineData("-Uu 0", "   UID " + Columns, "ABC")]
    [InlineData("-E", " RC " + Columns, "ABCDE")]
    // Not in the pages, and wrong in the classic tool.
    [InlineData("-Ew", "RC                        " + WideColumns, "ABCDE")]
    public void Binds(string options, string header, string expected)
    {
        using Tool tool = Tool.Trace(Arguments(options));
        MakeBinds();
        Assert.Equal(header, End(tool)[0]);
        Assert.Equal(
            Seen(tool).Where(b => expected.Contains(b.Letter)).Select(b => b.Row(options)),
            OwnRows(tool, Pid(options.Contains('w') ? 10 : 8)).Select(row => options.Contains('t') ? WithoutSeconds(row, decimals: 6, width: 10) : row));
    }

    [Fact]
    public void Counts()
    {
        using Tool tool = Tool.Trace("--count");
        MakeBinds();
        MakeBinds();
        // Of the whole machine, so there may be more.
        Assert.Equal("LADDR                                           LPORT     BINDS     ", End(tool)[0]);
        foreach (Made bind in Seen(tool).Where(b => b.Error == 0))
        {
            Assert.Contains($"{bind.Address,-32} {bind.Port,20}     {2,-10}", tool.Lines);
        }
    }

    [Theory]
    [InlineData("--cgroupmap")]
    [InlineData("--mntnsmap")]
    public void Binds_by_a_map_that_is_filled_meanwhile(string option)
    {
        using PinnedMap map = new(option);
        using Tool tool = Tool.Trace(option, map.Path);
        MakeBinds();
        map.AddOwn();
        MakeBinds();
        Assert.Equal(Columns, End(tool)[0]);
        Assert.Equal(Seen(tool).Where(b => b.Error == 0).Select(b => b.Row("")), OwnRows(tool, Pid(8)));
    }

    [Theory]
    [InlineData("", AcceptColumns, "46")]
    [InlineData("-t", "TIME(s)  " + AcceptColumns, "46")]
    [InlineData("-T", "TIME     " + AcceptColumns, "46")]
    [InlineData("-P PORT4,PORT6", AcceptColumns, "46")]
    [InlineData("-P PORT6", AcceptColumns, "6")]
    [InlineData("-p PID", AcceptColumns, "46")]
    [InlineData("-4", AcceptColumns, "4")]
    [InlineData("-6", AcceptColumns, "6")]
    public void Accepts(string options, string header, string expected)
    {
        using Listeners listeners = new();
        using Tool tool = Tool.Trace(["accept", .. Arguments(options
            .Replace("PORT4", $"{listeners.PortOf('4')}", StringComparison.Ordinal)
            .Replace("PORT6", $"{listeners.PortOf('6')}", StringComparison.Ordinal))]);
        Dictionary<char, string> rows = listeners.Accept();
        Assert.Equal(header, End(tool)[0]);
        Assert.Equal(
            expected.Select(version => rows[version]),
            OwnRows(tool, Pid(-7)).Select(row => options switch
            {
                "-t" => WithoutSeconds(row, decimals: 3, width: 9),
                "-T" => WithoutTime(row),
                _ => row,
            }));
    }

    [Theory]
    [InlineData("--cgroupmap")]
    [InlineData("--mntnsmap")]
    public void Accepts_by_a_map_that_is_filled_meanwhile(string option)
    {
        using Listeners listeners = new();
        using PinnedMap map = new(option);
        using Tool tool = Tool.Trace("accept", option, map.Path);
        listeners.Accept();
        map.AddOwn();
        Dictionary<char, string> rows = listeners.Accept();
        Assert.Equal(AcceptColumns, End(tool)[0]);
        Assert.Equal([rows['4'], rows['6']], OwnRows(tool, Pid(-7)));
    }

    [Theory]
    [InlineData("-h", "-t, --timestamp|-w, --wide|-p, --pid|-P, --port|-E, --errors|-U, --print-uid|-u, --uid|--count|--cgroupmap|--mntnsmap")]
    [InlineData("accept -h", "-T, --time|-t, --timestamp|-p, --pid|-P, --port|-4, --ipv4|-6, --ipv6|--cgroupmap|--mntnsmap")]
    public void Usage(string options, string classic)
    {
        using Tool tool = Tool.Run(Arguments(options));
        Assert.Equal(0, tool.WaitForEnd());
        Assert.All(classic.Split('|'), option => Assert.Contains(tool.Lines, line => line.StartsWith($"  {option} ", StringComparison.Ordinal)));
    }

    private static string[] Arguments(string options) =>
        options.Replace("PID", $"{Environment.ProcessId}", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Programs of the cgroup, where nothing but them is used, do not see C, and the tool says so as it begins.</summary>
    private static IEnumerable<Made> Seen(Tool tool) =>
        s_binds.Where(b => b.Letter != 'C' || !tool.Errors.Contains("Not seen this way: Failed calls", StringComparison.Ordinal));

    /// <summary>What distinguishes this process's rows from others', because the pages' tools trace the whole machine.</summary>
    private static string Pid(int width) => string.Format(CultureInfo.InvariantCulture, $"{{0,{width}}} {{1,-12}} ", Environment.ProcessId, Comm);

    private static IEnumerable<string> OwnRows(Tool tool, string own) => tool.Lines.Where(line => line.Contains(own, StringComparison.Ordinal));

    /// <summary>Ends it as Ctrl-C does, and gives its lines.</summary>
    private static IReadOnlyList<string> End(Tool tool)
    {
        tool.Signal(Native.SIGINT);
        Assert.Equal(0, tool.WaitForEnd());
        return tool.Lines;
    }

    private static string WithoutSeconds(string row, int decimals, int width)
    {
        Assert.Matches($@"^\d{{1,2}}\.\d{{{decimals}}} ", row);
        return row[width..];
    }

    private static string WithoutTime(string row)
    {
        Assert.Matches(@"^\d\d:\d\d:\d\d ", row);
        return row[9..];
    }

    /// <summary>In a thread, as it changes its name, its network and its user for good.</summary>
    private static void MakeBinds()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can have a network of its own and be other users.");
        OnThread(() =>
        {
            Native.EnterNewNetwork();
            foreach (IGrouping<uint, Made> binds in s_binds.GroupBy(b => b.Uid).OrderBy(g => g.Key))
            {
                if (binds.Key != 0)
                {
                    Native.BecomeUser(binds.Key);
                }

                foreach (Made bind in binds)
                {
                    bind.Make();
                }
            }
        });
    }

    private static void OnThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Native.SetComm("page-test"u8.ToArray());
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }

    /// <summary>A bind, and its row.</summary>
    private sealed record Made(char Letter, string Protocol, string Address, int Port, string Options, params (int Level, int Name)[] Set)
    {
        public uint Uid { get; init; }

        public int Error { get; init; }

        public string ErrorText { get; init; } = "Success";

        public void Make()
        {
            using Native.Socket socket = new(Address, Protocol == "UDP" ? Native.Datagram : Native.Stream);
            foreach ((int Level, int Name) option in Set)
            {
                socket.Set(option);
            }

            Assert.Equal(Error, socket.Bind(Port));
        }

        public string Row(string options)
        {
            string uid = options.Contains('U') ? $"{Uid,6} " : "";
            return options.Contains('w')
                ? $"{(options.Contains('E') ? $"{ErrorText,-25} " : "")}{uid}{Environment.ProcessId,10} {Comm,-12} {Protocol,-4} {Address,-39} {Port,5} {Options,-5} {0,2}"
                : $"{uid}{(options.Contains('E') ? $"{-Error,3} " : "")}{Environment.ProcessId,8} {Comm,-12} {Protocol,-4} {Address,-15} {Port,5} {Options,-5} {0,2}";
        }
    }

    /// <summary>Listens by IPv4 and by IPv6.</summary>
    private sealed class Listeners : IDisposable
    {
        private readonly Dictionary<char, TcpListener> _listeners = new()
        {
            ['4'] = new(IPAddress.Loopback, 0),
            ['6'] = new(IPAddress.IPv6Loopback, 0),
        };

        public Listeners()
        {
            foreach (TcpListener listener in _listeners.Values)
            {
                listener.Start();
            }
        }

        public int PortOf(char version) => ((IPEndPoint)_listeners[version].LocalEndpoint).Port;

        /// <summary>Connects to both and accepts; gives their rows by IP version.</summary>
        public Dictionary<char, string> Accept()
        {
            Dictionary<char, string> rows = [];
            OnThread(() =>
            {
                foreach ((char version, TcpListener listener) in _listeners)
                {
                    IPEndPoint local = (IPEndPoint)listener.LocalEndpoint;
                    using TcpClient client = new(local.AddressFamily);
                    client.Connect(local);
                    using Socket accepted = listener.AcceptSocket();
                    int remotePort = ((IPEndPoint)client.Client.LocalEndPoint!).Port;
                    rows[version] =
                        $"{Environment.ProcessId,-7} {Comm,-12} {version,-2} {local.Address,-16} {remotePort,-5} {local.Address,-16} {local.Port,-5}";
                }
            });
            return rows;
        }

        public void Dispose()
        {
            foreach (TcpListener listener in _listeners.Values)
            {
                listener.Dispose();
            }
        }
    }

    /// <summary>A map for an option, made as bcc's documentation describes, pinned in a separate file system.</summary>
    private sealed class PinnedMap : IDisposable
    {
        private const int NotThere = 69;

        private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop").FullName;
        private readonly bool _cgroups;

        public PinnedMap(string option)
        {
            _cgroups = option == "--cgroupmap";
            Assert.SkipWhen(_cgroups && Cgroups.MountPoint is null, "No cgroup2 hierarchy is mounted.");
            Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can mount a BPF file system.");
            using Tool made = Shell(
                $"bpftool version >/dev/null 2>&1 || exit {NotThere}; mount -t bpf bpf {_directory} && " +
                $"bpftool map create {Path} type hash key 8 value {(_cgroups ? 8 : 4)} entries 128 name set flags 0");
            Assert.SkipWhen(made.WaitForEnd() == NotThere, "There is no bpftool to make a pinned map with.");
            Assert.True(made.WaitForEnd() == 0, made.Errors);
        }

        public string Path => $"{_directory}/test01";

        /// <summary>Adds this process's cgroup or mount namespace.</summary>
        public void AddOwn()
        {
            string what = _cgroups
                ? Cgroups.MountPoint + File.ReadLines("/proc/self/cgroup").Single(l => l.StartsWith("0::", StringComparison.Ordinal))[3..]
                : $"/proc/{Environment.ProcessId}/ns/mnt";
            using Tool id = Shell($"stat -Lc %i '{what}'");
            byte[] key = BitConverter.GetBytes(ulong.Parse(Assert.Single(id.Lines), CultureInfo.InvariantCulture));
            using Tool added = Shell(
                $"bpftool map update pinned {Path} key hex {Hex(key)} value hex {Hex(new byte[_cgroups ? 8 : 4])} any");
            Assert.True(added.WaitForEnd() == 0, added.Errors);
        }

        public void Dispose()
        {
            // Not mounted if the test is skipped.
            Shell($"umount {_directory}").Dispose();
            Directory.Delete(_directory);
        }

        private static string Hex(byte[] bytes) => string.Join(' ', bytes.Select(b => $"{b:x2}"));

        // An ordinary PATH may not have the administrator's programs.
        private static Tool Shell(string script) => Tool.Shell($"PATH=$PATH:/usr/sbin:/sbin; {script}");
    }
}

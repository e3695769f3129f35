using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using BindSnoop.Records;
using BindSnoop.Interop;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The table and the question in deploy/, run by ClickHouse itself on records of several machines.</summary>
public sealed class ClickHouseTests : IDisposable
{
    // 2026-11-26T03:12:00Z, which is what is asked about.
    private const long Moment = 1_795_662_720_000_000;

    private static readonly string[] s_places = ["/usr/sbin", "/usr/bin"];

    private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop-clickhouse-").FullName;
    private Process? _server;
    private int _port;

    [Fact]
    public void Who_had_a_port_on_any_host_is_answered()
    {
        // Debian has the server in sbin, its makers' packages in bin.
        string? server = s_places.Select(p => $"{p}/clickhouse-server").FirstOrDefault(File.Exists);
        Assert.SkipUnless(server is not null && File.Exists("/usr/bin/clickhouse-client"), "ClickHouse is not installed.");
        Start(server!);
        Ask(File.ReadAllText(Deployed("clickhouse.sql")));

        // Held at the moment; on a machine whose record ends before it; of another port; on one whose record begins later.
        Insert("web1", 8080, from: -600, until: 600);
        Insert("web2", 8080, from: -600, until: -60);
        Insert("web3", 8081, from: -600, until: 600);
        Insert("web4", 8080, from: 60, until: 600);

        // The second time it is known until when, and the answer is still one.
        Insert("web1", 8080, from: -600, until: 900);
        JsonElement[] answer = [.. Ask(File.ReadAllText(Deployed("clickhouse-who.sql"))).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(
            ["web1 Yes web1-server", "web2 Maybe web2-server", "web2 Unknown ", "web4 Unknown "],
            answer.Select(a => $"{a.GetProperty("Host").GetString()} {a.GetProperty("Held").GetString()} {a.GetProperty("Comm").GetString()}"));
    }

    public void Dispose()
    {
        if (_server is { HasExited: false })
        {
            _server.Kill();
            _server.WaitForExit();
        }

        _server?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static string Deployed(string name)
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "deploy", name)))
        {
            root = Path.GetDirectoryName(root);
        }

        Assert.SkipWhen(root is null, "The sources are not here.");
        return Path.Combine(root!, "deploy", name);
    }

    /// <summary>Records a socket, and puts what is found in the record into the table.</summary>
    /// <param name="from">In seconds, from the moment; the record begins 10 seconds before.</param>
    /// <param name="until">When it was let go, and the record ends.</param>
    private void Insert(string host, ushort port, long from, long until)
    {
        string path = Path.Combine(_directory, $"{host}-{until}.db");
        long begin = Moment + ((from - 10) * 1_000_000);
        long length = (until - from + 10) * 1_000_000;
        using (RecordDatabase database = RecordFile.OpenForWriting(path, out FileDescriptor held))
        {
            using (held)
            using (RecordWriter writer = new(database, new RecordHost("boot", host, "1"), "", 0, begin, failed: false))
            {
                writer.Reconcile([], 0, 1, isWhole: true);
                writer.Add(Made.Event(10_000_000, port: port, inode: 7, comm: Made.Utf8($"{host}-server")));
                writer.Reconcile([Made.Socket(7, port)], length - 1, length, isWhole: true);
                writer.Commit(length, hasEnded: true);
            }
        }

        // It is asked about more than there is, as whoever exports a span does.
        using Tool found = Tool.Run("find", path, "--json", "--from", "2026-11-26T03:00Z", "--to", "2026-11-26T03:40Z");
        Assert.Equal(3, found.WaitForEnd());
        Ask(string.Join('\n', found.Lines), "--query=INSERT INTO bindsnoop_records FORMAT JSONEachRow");
    }

    private void Start(string server)
    {
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            _port = ((IPEndPoint)free.LocalEndpoint).Port;
        }

        string config = Path.Combine(_directory, "config.xml");
        File.WriteAllText(config, $"""
            <yandex>
              <logger><level>warning</level><console>1</console></logger>
              <tcp_port>{_port}</tcp_port><listen_host>127.0.0.1</listen_host>
              <path>{_directory}/data/</path><tmp_path>{_directory}/tmp/</tmp_path>
              <users_config>{config}</users_config><default_profile>default</default_profile><default_database>default</default_database>
              <mark_cache_size>100000000</mark_cache_size>
              <profiles><default></default></profiles><quotas><default></default></quotas>
              <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
            </yandex>
            """);
        _server = Process.Start(new ProcessStartInfo(server, [$"--config-file={config}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _directory,
        })!;
        _server.OutputDataReceived += (_, _) => { };
        _server.ErrorDataReceived += (_, _) => { };
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine();
        Stopwatch time = Stopwatch.StartNew();
        while (!IsThere())
        {
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(60) && !_server.HasExited, "ClickHouse does not start.");
            Thread.Sleep(50);
        }
    }

    private bool IsThere()
    {
        using TcpClient client = new();
        try
        {
            client.Connect(IPAddress.Loopback, _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string Ask(string input, string how = "--multiquery")
    {
        using Process client = Process.Start(new ProcessStartInfo("clickhouse-client", ["--host", "127.0.0.1", "--port", $"{_port}", how, "--input_format_skip_unknown_fields=1"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = client.StandardError.ReadToEndAsync();
        Task<string> output = client.StandardOutput.ReadToEndAsync();
        client.StandardInput.Write(input);
        client.StandardInput.Close();
        client.WaitForExit();
        Assert.True(client.ExitCode == 0, errors.Result);
        return output.Result;
    }
}

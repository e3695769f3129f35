using System.Diagnostics;
using System.Text.Json;
using BindSnoop.Records;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary><c>bindsnoop record</c> and what is found in its file.</summary>
public sealed class RecordTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop-record-").FullName;

    private string FilePath => Path.Combine(_directory, "record.db");

    /// <summary>
    /// A load whose history is known is recorded by three recorders, of which the first is stopped and the second killed. Whatever
    /// moment is asked about, what is said to be held was held, and what was held is found or said not to be known.
    /// </summary>
    [Fact]
    public void Ten_thousand_moments_are_answered_rightly()
    {
        Tool.RequireTracing();
        long begin = Now;
        using History history = new(200, 20_000);
        Thread.Sleep(500);
        List<(long From, long Until)> recorded = [RecordFor(2200, Native.SIGTERM)];
        Thread.Sleep(700);
        recorded.Add(RecordFor(2200, Native.SIGKILL));
        Thread.Sleep(700);
        recorded.Add(RecordFor(2200, Native.SIGINT));
        IReadOnlyList<Life> lives = history.End();
        long end = Now;
        Assert.True(lives.Count(l => l.Error == 0) > 200 && lives.Count(l => l.Error != 0) > 20, $"There is too little to ask about: {lives.Count}.");

        int[] ports = [.. lives.Select(l => l.Port).Distinct()];
        ILookup<int, Life> byPort = lives.Where(l => l.Error == 0).ToLookup(l => l.Port);
        Random random = new(1);
        int certain = 0, held = 0, unknown = 0, whileRecorded = 0, certainWhileRecorded = 0;
        List<string> wrong = [];
        using RecordReader reader = new(FilePath);
        for (int question = 0; question < 10_000; question++)
        {
            int port = ports[random.Next(ports.Length)];
            long time = random.NextInt64(begin - 500_000, end + 500_000);
            RecordedBind[] answer = [.. reader.Ask(new() { At = AtMicrosecond(time), Port = [new((ushort)port, (ushort)port)] })];
            bool isKnown = !answer.Any(a => a.Kind == RecordedBind.Gap);
            Life? holder = byPort[port].SingleOrDefault(l => l.BindUntil < time && time < l.CloseFrom);
            bool mayBeHeld = byPort[port].Any(l => l.BindFrom - Slack <= time && time <= l.CloseUntil + Slack);
            bool isSurelyHeld = holder is not null && time > holder.BindUntil + Slack && time < holder.CloseFrom - Slack;
            RecordedBind? yes = answer.SingleOrDefault(a => a.Held == "Yes");
            if (yes is not null && !byPort[port].Any(l => l.Inode == yes.Inode && l.BindFrom - Slack <= time && time <= l.CloseUntil + Slack))
            {
                wrong.Add($"{time}: {yes} was not there.");
            }

            if (isKnown && isSurelyHeld && !answer.Any(a => a.Inode == holder!.Inode))
            {
                wrong.Add($"{time}: {holder} is not found.");
            }

            held += isSurelyHeld ? 1 : 0;
            bool isCertain = (isSurelyHeld && yes is not null) || (!mayBeHeld && isKnown && answer.Length == 0);
            certain += isCertain ? 1 : 0;
            unknown += isKnown ? 0 : 1;
            if (recorded.Any(w => w.From < time && time < w.Until))
            {
                whileRecorded++;
                certainWhileRecorded += isCertain ? 1 : 0;
            }
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} answers are wrong:\n{string.Join('\n', wrong.Take(20))}");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{certain} of 10000 answers are certain, of {whileRecorded} about when it was recorded {certainWhileRecorded}; {unknown} are not known; {held} times the port was held.");

        // Who knows nothing is never wrong. How long nothing is recorded is a matter of how soon the three begin.
        Assert.InRange(whileRecorded, 500, 10_000);
        Assert.InRange(certainWhileRecorded, whileRecorded * 9 / 10, whileRecorded);
        Assert.InRange(unknown, 100, 10_000 - certainWhileRecorded);

        // Failures are there too, nearly each with its cause: of those just before the recorder was killed it is not written yet.
        RecordedBind[] gaps = [.. reader.Ask(new()).Where(a => a.Kind == RecordedBind.Gap)];
        Assert.Equal(["NotRunning", "Killed"], gaps.Select(g => g.Cause).Where(c => c != "End"));
        ILookup<long, RecordedBind> failures = reader.Ask(new() { Failed = true }).Where(a => a.Kind == RecordedBind.Failure).ToLookup(f => f.Inode);
        long from = Microseconds(reader.Ask(new() { At = DateTime.UnixEpoch }).Single(g => g.Cause == "Begin").Until!.Value);
        long until = Microseconds(reader.Ask(new() { At = DateTime.UtcNow }).Single(g => g.Cause == "End").Time);
        Life[] failed =
        [
            .. lives.Where(l => l.Error != 0 && l.BindFrom > from && l.BindUntil < until &&
                !gaps.Any(g => Microseconds(g.Time) <= l.BindUntil && l.BindFrom <= Microseconds(g.Until!.Value))),
        ];
        Assert.NotEmpty(failed);
        int explained = 0;
        foreach (Life life in failed)
        {
            RecordedBind found = Assert.Single(failures[life.Inode]);
            Assert.Equal((life.Port, life.Error), (found.Port, found.ErrorCode));
            Assert.InRange(Microseconds(found.Time), life.BindFrom - Slack, life.BindUntil + Slack);
            explained += found.Cause is "Listening" or "Bound" && found.Holders!.Any(h => h.ProcessId == history.ProcessId) ? 1 : 0;
        }

        Assert.InRange(explained, failed.Length / 2, failed.Length);
    }

    [Fact]
    public void It_is_found_as_text_and_as_JSON_and_only_one_records()
    {
        Tool.RequireTracing();
        using Tool recorder = Tool.Trace("record", FilePath);
        using Tool second = Tool.Run("record", FilePath);
        Assert.Equal(1, second.WaitForEnd());
        Assert.StartsWith($"bindsnoop: '{FilePath}' is being written to by another recorder.", second.Errors, StringComparison.Ordinal);
        using Native.Socket holder = new("127.0.0.1");
        Assert.Equal(0, holder.Bind(0));
        string port = $"{holder.Port}";
        using Native.Socket refused = new("127.0.0.1");
        Assert.Equal(Native.EADDRINUSE, refused.Bind(holder.Port));
        Thread.Sleep(2500);
        string held = DateTime.UtcNow.AddSeconds(-1.5).ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", System.Globalization.CultureInfo.InvariantCulture);
        recorder.Signal(Native.SIGINT);
        Assert.Equal(0, recorder.WaitForEnd());

        using Tool text = Tool.Run("find", FilePath, "-P", port, "--at", held, "-p", $"{Environment.ProcessId}");
        Assert.Equal(0, text.WaitForEnd());
        Assert.Equal("TIME                    UNTIL                   HELD       PID COMM            PROT  ADDR             PORT", text.Lines[0]);
        Assert.Matches($" Yes   {Environment.ProcessId,8} .{{15}} TCP   127.0.0.1       {port,5}$", text.Lines[1]);

        using Tool json = Tool.Run("find", FilePath, "-P", port, "--json", "--failed", "--cause", "bound");
        JsonElement failure = Assert.Single(json.Json, r => r.GetProperty("Kind").GetString() == "Failure");
        Assert.Equal(
            typeof(RecordedBind).GetProperties().Select(p => p.Name).Except(["Endpoint"]).Order(), failure.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(("EADDRINUSE", "Bound"), (failure.GetProperty("ErrorName").GetString(), failure.GetProperty("Cause").GetString()));
        Assert.Equal(Environment.ProcessId, failure.GetProperty("Holders")[0].GetProperty("ProcessId").GetInt32());

        // Of what was before nothing is known, and that is said.
        using Tool before = Tool.Run("find", FilePath, "-P", port, "--at", "2020-01-01");
        Assert.Equal(3, before.WaitForEnd());
        Assert.StartsWith("The record begins at ", before.Errors, StringComparison.Ordinal);
        using Tool nothing = Tool.Run("find", FilePath, "-P", port, "--at", held, "--protocol", "sctp");
        Assert.Equal(0, nothing.WaitForEnd());
        Assert.StartsWith("Nothing was found, and the record has no gap in that period.", nothing.Errors, StringComparison.Ordinal);
    }

    /// <summary>A record is read as it is, and what it does not know is said on the page and by the status.</summary>
    [Fact]
    public void A_report_is_made_of_it()
    {
        Tool.RequireTracing();
        string policy = Path.Combine(_directory, "policy.json");
        string page = Path.Combine(_directory, "report.html");
        string port;
        using Native.Socket holder = new("127.0.0.1");
        using (Tool recorder = Tool.Trace("record", FilePath))
        {
            Assert.Equal(0, holder.Bind(0));
            port = $"{holder.Port}";
            using Native.Socket refused = new("127.0.0.1");
            Assert.Equal(Native.EADDRINUSE, refused.Bind(holder.Port));
            Thread.Sleep(2500);
            recorder.Signal(Native.SIGINT);
            Assert.Equal(0, recorder.WaitForEnd());
        }

        File.WriteAllText(policy, "{\"Default\": \"Allow\", \"Rules\": [{\"Name\": \"one\", \"Action\": \"Deny\", \"Port\": " + port + "}]}");
        using Tool whole = Tool.Run("report", FilePath, "--policy", policy, "-o", page);
        Assert.Equal((0, ""), (whole.WaitForEnd(), whole.Errors));
        string html = File.ReadAllText(page);
        Assert.Contains("Bound (EADDRINUSE)", html, StringComparison.Ordinal);
        Assert.Contains("denied by rule &#x27;one&#x27;", html, StringComparison.Ordinal);
        Assert.DoesNotContain("recorded incompletely", html, StringComparison.Ordinal);

        RecordFor(1200, Native.SIGTERM);
        using Tool torn = Tool.Run("report", FilePath, "-o", page);
        Assert.Equal(3, torn.WaitForEnd());
        Assert.Equal("bindsnoop: warning: The records are incomplete: the page lists what is missing.\n", torn.Errors);
        Assert.Contains(": no recorder was running.</li>", File.ReadAllText(page), StringComparison.Ordinal);

        // The same through a pipe, of a part of it.
        using Tool lines = Tool.Run("find", FilePath, "-P", port, "--json");
        Assert.Equal(3, lines.WaitForEnd());
        string rows = Path.Combine(_directory, "rows.jsonl");
        File.WriteAllLines(rows, lines.Lines);
        using Tool part = Tool.Run("report", rows, "--policy", policy, "-o", page);
        Assert.Equal(3, part.WaitForEnd());
        html = File.ReadAllText(page);
        Assert.Contains(": no recorder was running.</li>", html, StringComparison.Ordinal);
        Assert.Contains("<p>2 binds were judged by the policy", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_is_a_gap()
    {
        Tool.RequireTracing();
        using Tool mount = Tool.RunProgram("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", _directory]);
        Assert.SkipUnless(mount.WaitForEnd() == 0, "A file system cannot be mounted here.");
        try
        {
            using Tool recorder = Tool.Trace("record", FilePath);
            string ballast = Path.Combine(_directory, "ballast");
            using (FileStream fill = File.Create(ballast))
            {
                try
                {
                    for (byte[] block = new byte[4096]; ;)
                    {
                        fill.Write(block);
                        fill.Flush();
                    }
                }
                catch (IOException)
                {
                    // That is as full as it gets.
                }
            }

            // What is in the log is written over, so it takes some to need more room.
            Stopwatch time = Stopwatch.StartNew();
            while (!recorder.Errors.Contains("cannot be written, and has a gap", StringComparison.Ordinal) && time.Elapsed < TimeSpan.FromSeconds(60))
            {
                for (int i = 0; i < 300; i++)
                {
                    using Native.Socket socket = new("127.0.0.1");
                    socket.Bind(0);
                }

                Thread.Sleep(20);
            }

            File.Delete(ballast);
            recorder.WaitForErrors("can be written again");
            using Native.Socket after = new("127.0.0.1");
            Assert.Equal(0, after.Bind(0));
            Thread.Sleep(1500);
            recorder.Signal(Native.SIGTERM);
            Assert.Equal(0, recorder.WaitForEnd());
            using RecordReader reader = new(FilePath);
            RecordedBind[] all = [.. reader.Ask(new() { Port = [new((ushort)after.Port, (ushort)after.Port)] })];
            Assert.Single(all, r => r.Kind == "Gap" && r.Cause == "NotWritten");
            Assert.Contains(all, r => r.Kind == "Bind" && r.ProcessId == Environment.ProcessId);
        }
        finally
        {
            using Tool unmount = Tool.RunProgram("umount", [_directory]);
        }
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    // What the measuring of the clock may be wrong by.
    private const long Slack = 300;

    private static long Now => Microseconds(DateTime.UtcNow);

    private static long Microseconds(DateTime time) => (time.ToUniversalTime() - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static DateTime AtMicrosecond(long time) => DateTime.UnixEpoch.AddTicks(time * TimeSpan.TicksPerMicrosecond);

    /// <summary>From and until when everything was recorded; of one that is killed, the last second may be missing.</summary>
    private (long From, long Until) RecordFor(int milliseconds, int signal)
    {
        using Tool tool = Tool.Trace("record", FilePath);
        long from = Now;
        Thread.Sleep(milliseconds);
        long until = Now - (signal == Native.SIGKILL ? 1_500_000 : 0);
        tool.Signal(signal);
        int status = tool.WaitForEnd();
        Assert.Equal(signal == Native.SIGKILL ? 128 + signal : 0, status);
        Assert.DoesNotContain("warning", tool.Errors, StringComparison.Ordinal);
        return (from + Slack, until - Slack);
    }

    /// <summary>A socket that the truth program bound, or failed to; times in microseconds since 1970.</summary>
    private sealed record Life(int Port, int Error, long BindFrom, long BindUntil, long CloseFrom, long CloseUntil, long Inode);

    private sealed class History : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _output;

        public History(int sockets, int milliseconds)
        {
            string path = Environment.GetEnvironmentVariable("BINDTRUTH") is { Length: > 0 } given ? given : Path.Combine(AppContext.BaseDirectory, "bindtruth");
            _process = Process.Start(new ProcessStartInfo(path, ["history", $"{sockets}", $"{milliseconds}"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
            _output = _process.StandardOutput.ReadToEndAsync();
        }

        public int ProcessId => _process.Id;

        public IReadOnlyList<Life> End()
        {
            _process.StandardInput.Close();
            string[] lines = _output.GetAwaiter().GetResult().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            _process.WaitForExit();
            Assert.Equal(0, _process.ExitCode);
            return [.. lines.Select(Parse)];
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }

            _process.Dispose();
        }

        private static Life Parse(string line)
        {
            JsonElement life = JsonDocument.Parse(line).RootElement;
            long Number(string name, long otherwise = 0) =>
                life.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetInt64() : otherwise;
            return new(
                (int)Number("port"), (int)Number("error"), Number("bindFrom"), Number("bindUntil"), Number("closeFrom", long.MaxValue / 2), Number("closeUntil", long.MaxValue / 2),
                Number("inode"));
        }
    }
}

using BindSnoop.Cli.Tests;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Records;
using BindSnoop.Reports;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The rows of a record and the answers from it, with times that are made up.</summary>
public sealed class RecordTests : IDisposable
{
    private const long Year2026 = 1_767_225_600_000_000;

    private static readonly RecordHost s_host = new("boot", "host", "1.0");

    private readonly string _directory = Directory.CreateTempSubdirectory("bindsnoop-record-").FullName;

    private string FilePath => Path.Combine(_directory, "record.db");

    /// <summary>
    /// Sockets are bound and closed at random, while the recorder is stopped, killed, loses calls, cannot write, the clock is set and
    /// the machine reboots. No answer says that a port was held that was not, and none that is whole leaves out one that was.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void No_answer_says_more_than_is_known(int seed)
    {
        using Machine machine = new(FilePath, seed);
        for (int second = 0; second < 240; second++)
        {
            machine.LiveForASecond();
        }

        machine.End();
        Random random = new(seed);
        int yes = 0, unknown = 0;
        using RecordReader reader = new(FilePath);
        for (int question = 0; question < 2500; question++)
        {
            ushort port = (ushort)(8000 + random.Next(Machine.Ports));
            long utc = random.NextInt64(machine.FirstUtc - 1_000_000, machine.LastUtc + 1_000_000);
            RecordedBind[] answer = [.. reader.Ask(new() { At = DateTime.UnixEpoch.AddMicroseconds(utc), Port = [new(port, port)] })];
            HashSet<long> held = [.. machine.HeldAt(utc, port)];
            Assert.Empty(answer.Where(a => a.Held == "Yes").Select(a => a.Inode).Except(held));
            bool isWhole = !answer.Any(a => a.Kind == "Gap");
            if (isWhole)
            {
                foreach (long missing in held.Except(answer.Select(a => a.Inode)))
                {
                    RecordedBind[] rows = [.. reader.Ask(new() { Port = [new(port, port)] }).Where(a => a.Inode == missing)];
                    Assert.Fail($"{utc}: {missing} is not found; it is recorded as {string.Join("; ", rows.Select(r => $"{r.EarliestTime:O} {r.Time:O} {r.Until:O} {r.LatestUntil:O} {r.Existing}"))} at {DateTime.UnixEpoch.AddMicroseconds(utc):O}.");
                }
            }

            yes += answer.Count(a => a.Held == "Yes");
            unknown += isWhole ? 0 : 1;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{yes} times a port was held for sure; {unknown} of 2500 answers are not whole.");
        Assert.InRange(yes, 300, 2500);
        Assert.InRange(unknown, 100, 2300);

        // What was refused is there, once each, except for what was lost.
        HashSet<int> refused = [.. reader.Ask(new() { Failed = true }).Where(f => f.Kind == "Failure").Select(f => f.ProcessId)];
        Assert.Empty(refused.Except(machine.Refused));
        Assert.Empty(machine.RefusedAndRecorded.Except(refused));
    }

    [Fact]
    public void The_oldest_rows_are_removed_and_held_sockets_stay()
    {
        using (RecordDatabase database = RecordFile.OpenForWriting(FilePath, out FileDescriptor held))
        {
            using (held)
            using (RecordWriter writer = new(database, s_host, "", 0, Year2026, failed: false, epochRows: 100))
            {
                writer.Reconcile([], 0, 1, isWhole: true);
                writer.Add(Made.Event(1000, port: 7, inode: 7));
                List<BindSocket> alive = [Made.Socket(7, 7)];
                for (int second = 1; second <= 60; second++)
                {
                    for (int i = 0; i < 100; i++)
                    {
                        long inode = (second * 1000) + i;
                        writer.Add(Made.Event((second * 1_000_000L) + i, port: (ushort)(1000 + i), pid: (int)inode, inode: inode, comm: Made.Utf8($"c{inode}")));
                    }

                    writer.Reconcile(alive, (second * 1_000_000L) + 500_000, (second * 1_000_000L) + 600_000, isWhole: true);
                    writer.Commit((second * 1_000_000L) + 700_000);
                }

                for (int round = 0; round < 60; round++)
                {
                    writer.Prune(50_000_000, long.MaxValue);
                }

                writer.Commit(61_000_000, hasEnded: true);
            }
        }

        using RecordReader reader = new(FilePath);
        Assert.Equal("Begin", Assert.Single(reader.Ask(new() { At = At(3) }), a => a.Kind == "Gap").Cause);
        RecordedBind[] all = [.. reader.Ask(new()).Where(a => a.Kind == "Bind")];
        RecordedBind old = Assert.Single(all, a => a.Port == 7);
        Assert.Equal(At(0.001), old.Time.ToUniversalTime());
        Assert.Equal(old.Inode, Assert.Single(reader.Ask(new() { At = At(55), Port = [new(7, 7)] })).Inode);
        Assert.InRange(all.Length, 1000, 1300);
        Assert.All(all.Where(a => a.Port != 7), a => Assert.InRange(a.Time.ToUniversalTime(), At(49), At(61)));
        Assert.Equal("c60005", Assert.Single(reader.Ask(new() { At = At(60.1), Port = [new(1005, 1005)] })).Comm);
    }

    [Fact]
    public void Hostile_names_and_files_are_harmless()
    {
        Write(writer => writer.Add(Made.Event(5, comm: Made.Utf8("\x1b[2J'; --"), port: 9, inode: 1)));
        using (RecordReader reader = new(FilePath))
        {
            Assert.Equal("\\x1b[2J'; --", Assert.Single(reader.Ask(new() { Port = [new(9, 9)] })).Comm);
        }

        // A file from somewhere else may hold what the recorder would never write.
        using (RecordDatabase foreign = RecordDatabase.Open(FilePath, LibSqlite.SQLITE_OPEN_READWRITE))
        {
            foreign.Execute("UPDATE who SET comm = 'a' || char(27) || '[31m' || char(8238); UPDATE what SET address = char(10) || 'x', protocol = 99999; UPDATE bind SET pid = -1, held = -5, gone = -9");
        }

        using (RecordReader reader = new(FilePath))
        {
            RecordedBind found = Assert.Single(reader.Ask(new() { Port = [new(9, 9)] }));
            Assert.Equal(("a\\x1b[31m\\u{202e}", "\\x0ax"), (found.Comm, found.Address));
        }
    }

    [Theory]
    [InlineData("", "NotARecord")]
    [InlineData("not a database, but long enough to be the header of one: ...............................................................", "NotARecord")]
    [InlineData("SQLite format 3\0 of somebody else ...............................................................................", "NotARecord")]
    public void Other_files_are_left_alone(string content, string error)
    {
        File.WriteAllText(FilePath, content);
        Assert.Equal(error, Assert.Throws<TraceException>(() => new RecordReader(FilePath)).ErrorId);
        Assert.Contains(Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(FilePath, out _)).ErrorId, s_refusals);
        Assert.Equal(content, File.ReadAllText(FilePath));
    }

    [Fact]
    public void A_later_format_is_refused()
    {
        Write(_ => { });
        using (RecordDatabase later = RecordDatabase.Open(FilePath, LibSqlite.SQLITE_OPEN_READWRITE))
        {
            later.Execute($"PRAGMA user_version={RecordSchema.Version + 1}");
        }

        Assert.Equal("RecordTooNew", Assert.Throws<TraceException>(() => new RecordReader(FilePath)).ErrorId);
        Assert.Equal("RecordTooNew", Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(FilePath, out _)).ErrorId);
    }

    [Fact]
    public void Links_pipes_and_places_of_others_are_refused()
    {
        string target = Path.Combine(_directory, "target");
        File.WriteAllText(target, "precious");
        string shared = Directory.CreateDirectory(Path.Combine(_directory, "shared")).FullName;
        File.SetUnixFileMode(shared, (UnixFileMode)0x3ff);
        Assert.Equal("RecordDirectoryNotTrusted", Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(Path.Combine(shared, "record"), out _)).ErrorId);
        File.CreateSymbolicLink(Path.Combine(shared, "link"), target);
        Assert.Equal("RecordLinkNotTrusted", Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(Path.Combine(shared, "link"), out _)).ErrorId);
        Assert.Equal("RecordPathNotFound", Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(Path.Combine(_directory, "no", "record"), out _)).ErrorId);
        Assert.Equal("RecordNotFound", Assert.Throws<TraceException>(() => new RecordReader(Path.Combine(_directory, "none"))).ErrorId);
        Assert.Equal("NotARecord", Assert.Throws<TraceException>(() => new RecordReader("/dev/zero")).ErrorId);
        Assert.Equal("precious", File.ReadAllText(target));
    }

    [Fact]
    public void A_reader_needs_no_place_to_write()
    {
        Write(writer => writer.Add(Made.Event(5, port: 9, inode: 1)));
        Assert.Equal((UnixFileMode)0x180, File.GetUnixFileMode(FilePath));
        Assert.False(File.Exists(FilePath + "-wal"));
        using RecordDatabase writing = RecordFile.OpenForWriting(FilePath, out FileDescriptor held);
        Assert.Equal("RecordInUse", Assert.Throws<TraceException>(() => RecordFile.OpenForWriting(FilePath, out _)).ErrorId);
        using RecordReader reading = new(FilePath);
        Assert.Single(reading.Ask(new() { Port = [new(9, 9)] }));
        held.Dispose();
    }

    [Theory]
    [InlineData("03:12", "2026-11-26 03:12:00")]
    [InlineData("23:59:58.25", "2026-11-25 23:59:58.25")]
    [InlineData("2026-11-26", "2026-11-26 00:00:00")]
    [InlineData("2026-11-26 3:12", "2026-11-26 03:12:00")]
    [InlineData("2026-11-26T03:12:07Z", "2026-11-26 03:12:07")]
    [InlineData("2026-11-26T03:12:07.1234567+01:00", "2026-11-26 02:12:07.1234567")]
    public void Times_are_read_as_people_write_them(string text, string expected)
    {
        // Where the zone has no offset, as here and in most machines that record.
        Assert.SkipUnless(TimeZoneInfo.Local.BaseUtcOffset == TimeSpan.Zero, "The local time is not UTC.");
        DateTimeOffset now = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);
        Assert.Equal(DateTime.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), RecordTime.Parse(text, now));
    }

    [Fact]
    public void Any_other_time_is_refused() => Fuzz.Try("times", 5000, random =>
    {
        string text = Fuzz.Text(random, "03:12", "2026-11-26", "T", " ", ":07", ".5", "+01:00", "-23:59", "Z", "9999-12-31", "0001-01-01", "24:00", "now", "-1h");
        return Fuzz.Refusable("InvalidTime", () => RecordTime.Parse(text, DateTimeOffset.Now));
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_socket_that_a_late_scan_finds_may_have_been_bound_since_the_last_scan(bool byPort)
    {
        Write(writer =>
        {
            writer.Reconcile([], 1_000_000, 1_100_000, isWhole: true);
            writer.Commit(1_100_000);
            writer.Reconcile([Made.Socket(7, 7)], 3_000_000_000, 3_000_100_000, isWhole: true);
            writer.Reconcile([Made.Socket(7, 7), Made.Socket(8, 8)], 3_100_000_000, 3_100_100_000, isWhole: true);
            writer.Commit(3_200_000_000);
        });
        using RecordReader reader = new(FilePath);
        foreach ((double second, int[] ports) in new (double, int[])[] { (0.5, []), (2, [7]), (2999, [7]), (3050, [7, 8]) })
        {
            PortRange[] asked = byPort ? [new(7, 8)] : [];
            Assert.Equal(ports, reader.Ask(new() { At = At(second), Port = asked }).Select(b => b.Port));
        }

        Assert.Equal("Maybe", Assert.Single(reader.Ask(new() { At = At(2), Port = [new(7, 7)] })).Held);
    }

    /// <summary>A socket may have its port without a call that anybody traces, and then the gap does not say since when.</summary>
    [Fact]
    public void A_socket_found_at_the_end_of_a_gap_may_be_as_old_as_the_last_scan()
    {
        Write(writer =>
        {
            writer.Reconcile([], 1_000_000, 1_100_000, isWhole: true);
            writer.Commit(5_000_000);
            writer.BeginGap(5_000_000, RecordGapReason.Lost, 1);
            writer.Reconcile([Made.Socket(7, 7)], 6_000_000, 6_100_000, isWhole: true);
            writer.Commit(7_000_000);
        });
        using RecordReader reader = new(FilePath);
        Assert.Equal("Maybe", Assert.Single(reader.Ask(new() { At = At(3), Port = [new(7, 7)] })).Held);
        Assert.Empty(reader.Ask(new() { At = At(0.9), Port = [new(7, 7)] }));
    }

    [Theory]
    [InlineData(0.2, 0.5, 0)]
    [InlineData(2, 100, 1)]
    [InlineData(2999, 3001, 1)]
    [InlineData(3050, 3060, 1)]
    public void What_a_scan_finds_after_a_period_may_have_been_in_it(double from, double until, int found)
    {
        Write(writer =>
        {
            writer.Reconcile([], 1_000_000, 1_100_000, isWhole: true);
            writer.Reconcile([Made.Socket(7, 7)], 3_000_000_000, 3_000_100_000, isWhole: true);
            writer.Commit(3_200_000_000);
        });
        using RecordReader reader = new(FilePath);
        Assert.Equal(found, reader.Ask(new() { From = At(from), Until = At(until), Port = [new(7, 7)] }).Count());
        Assert.Equal(found, reader.Ask(new() { From = At(from), Until = At(until) }).Count());
        Assert.Empty(reader.Ask(new() { From = At(from), Until = At(until), Port = [new(7, 7)], Failed = true }));
    }

    /// <summary>It may find nothing of what was there when it began.</summary>
    [Fact]
    public void A_record_begins_when_its_first_scan_ends()
    {
        Write(
            writer =>
            {
                writer.Add(Made.Event(600_000, port: 7, inode: 7));
                writer.Commit(700_000);
            },
            looked: 500_000);
        using RecordReader reader = new(FilePath);
        Assert.Equal("Begin", Assert.Single(reader.Ask(new() { At = At(0.3) })).Cause);
        Assert.Empty(reader.Ask(new() { At = At(0.55) }));
        Assert.Equal(7, Assert.Single(reader.Ask(new() { At = At(0.65) })).Inode);
    }

    [Fact]
    public void What_is_released_was_held_until_then_and_no_longer()
    {
        Write(writer =>
        {
            writer.Add(Made.Event(100_000, port: 7, inode: 7));
            writer.Add(Released(500_000, 7));
            writer.Add(Made.Event(600_000, port: 7, inode: 8));

            // The look has still found it, and so it may have found others that nobody has seen before.
            writer.BeginLook(700_000);
            writer.Add(Released(750_000, 8));
            writer.Add(Released(760_000, 9));
            writer.Reconcile([Made.Socket(8, 7), Made.Socket(9, 9)], 700_000, 800_000, isWhole: true);
            writer.Commit(900_000);
        });
        using RecordReader reader = new(FilePath);
        foreach ((double second, ushort port, long? inode, string? held) in new (double, ushort, long?, string?)[]
        {
            (0.05, 7, null, null), (0.3, 7, 7, "Yes"), (0.55, 7, null, null), (0.72, 7, 8, "Yes"), (0.76, 7, null, null), (0.85, 7, null, null),
            (0.5, 9, 9, "Maybe"), (0.72, 9, 9, "Yes"), (0.77, 9, null, null),
        })
        {
            RecordedBind? found = reader.Ask(new() { At = At(second), Port = [new(port, port)] }).SingleOrDefault();
            Assert.Equal((second, inode, held), (second, found?.Inode, found?.Held));
            Assert.Equal(found?.Until, found?.LatestUntil);
        }
    }

    /// <summary>Of a record a report shows each kind of row as what it is, judges binds alone, and says what it does not know.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_report_of_a_record_has_its_gaps(bool hasGap)
    {
        Write(writer =>
        {
            writer.Reconcile([Made.Socket(7, 700)], 100_000, 110_000, isWhole: true);
            writer.Add(Made.Event(200_000, port: 80, inode: 8));
            writer.Add(Made.Listen(210_000, port: 80));
            long failure = writer.Add(Made.Event(300_000, port: 80, inode: 9, error: 98));
            writer.Explain(failure, new(Diagnosis.BindCause.Listening, "It listens.", [Made.Socket(8, 80)]));
            if (hasGap)
            {
                writer.BeginGap(400_000, RecordGapReason.Lost, 5);
                writer.Reconcile([Made.Socket(7, 700)], 500_000, 600_000, isWhole: true);
            }
        });
        BindPolicy policy = BindPolicy.FromJson("{\"Rules\": [{\"Name\": \"one\", \"Action\": \"Allow\", \"Port\": [0, 80]}]}"u8.ToArray(), "policy");
        BindReport report = new(policy: policy);
        Assert.Null(report.AddRecord(FilePath));
        // The listen() is one that binds, too.
        Assert.Equal((2, 1, 1), (report.Calls.Totals[(int)Counted.Bind], report.Calls.Totals[(int)Counted.Failure], report.Calls.Totals[(int)Counted.Listen]));
        Assert.Equal((1, hasGap ? 1 : 0, hasGap), (report.Calls.ExistingCount, report.Gaps, report.HasLost));
        Assert.Equal(hasGap ? ["5 calls were lost."] : [], report.Missing.Select(m => m[(m.IndexOf(": ", StringComparison.Ordinal) + 2)..]));
        ReportFailures failures = report.Calls.Failures["Listening (EADDRINUSE)"];
        Assert.Equal("made[1], TCP 0.0.0.0:80, Bound", Assert.Single(failures.Holders.Top(5)).Name);

        // Nobody knows whether the kernel chose the port of what was found.
        Assert.Equal((4, 0), (report.Judgement.Calls!.Total, report.Judgement.NotJudged));
        ReportViolation violation = Assert.Single(report.Judgement.Violations.Keys);
        Assert.Equal((700, "not allowed: its requested port is unknown, so rule 'one' does not apply"), (violation.Port, violation.Reason));
        string page = System.Text.Encoding.UTF8.GetString(new ReportPage(report).Write());
        Assert.Equal(hasGap, page.Contains("<strong>1 periods are recorded incompletely</strong>", StringComparison.Ordinal));
    }

    /// <summary>None of the binds that are known is against it, but they are not all.</summary>
    [Fact]
    public void Compliance_is_uncertain_if_a_record_has_a_gap()
    {
        Write(writer =>
        {
            writer.Add(Made.Event(200_000, port: 80, inode: 8));
            writer.BeginGap(400_000, RecordGapReason.Lost, 5);
        });
        BindReport report = new(policy: BindPolicy.FromJson("{\"Default\": \"Allow\", \"Rules\": []}"u8.ToArray(), "policy"));
        report.AddRecord(FilePath);
        string page = System.Text.Encoding.UTF8.GetString(new ReportPage(report).Write());
        Assert.DoesNotContain("There are none.", page, StringComparison.Ordinal);
        Assert.Contains("None was found, but some binds are unknown or were not judged", page, StringComparison.Ordinal);
    }

    /// <summary>What a row refers to may be missing from a damaged file; that is not root's then.</summary>
    [Fact]
    public void A_caller_that_is_missing_is_nobody()
    {
        Write(writer => writer.Add(Made.Event(200_000, port: 80, inode: 8)));
        using (RecordDatabase damaged = RecordDatabase.Open(FilePath, LibSqlite.SQLITE_OPEN_READWRITE))
        {
            damaged.Execute("DELETE FROM who");
        }

        using RecordReader reader = new(FilePath);
        RecordedBind found = Assert.Single(reader.Ask(new() { Port = [new(80, 80)] }));
        Assert.Equal((uint.MaxValue, uint.MaxValue, ""), (found.Uid, found.Gid, found.Comm));
        BindReport report = new(policy: BindPolicy.FromJson("{\"Default\": \"Allow\", \"Rules\": []}"u8.ToArray(), "policy"));
        report.AddRecord(FilePath);
        Assert.Equal((0, 1), (report.Judgement.Calls!.Total, report.Judgement.NotJudged));
    }

    /// <summary>Names are those of the moment: containers are renamed, and their names given to others.</summary>
    [Fact]
    public void Containers_are_found_by_their_names()
    {
        const string Id = "3f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c";
        const string Path = $"/system.slice/docker-{Id}.scope";
        ContainerFacts web = new("docker", "web", "nginx:1.29", "", "");
        ContainerFacts pod = new("cri-o", "app", null, "shop-0", "prod");
        Write(writer =>
        {
            writer.Add(Made.Event(200_000, port: 80, inode: 8, cgroupPath: Path, container: web));
            writer.Add(Made.Event(300_000, port: 81, inode: 9, cgroupPath: Path, container: web with { Name = "old" }));
            writer.Add(Made.Event(400_000, port: 82, inode: 10, cgroupPath: Path, container: pod, error: 98));
            writer.Add(Made.Event(500_000, port: 83, inode: 11, cgroupPath: "/system.slice/ssh.service", container: ContainerFacts.None));
        });
        using RecordReader reader = new(FilePath);
        RecordedBind[] Find(params string[] containers) => [.. reader.Ask(new() { Container = containers })];
        RecordedBind found = Assert.Single(Find("web"));
        Assert.Equal((80, "web", "nginx:1.29", "docker", "", ""), (found.Port, found.ContainerName, found.ContainerImage, found.ContainerRuntime, found.PodName, found.PodNamespace));
        Assert.Equal([81], Find("old").Select(f => f.Port));
        Assert.Equal([80, 81, 82], Find(Id[..12]).Select(f => f.Port));
        found = Assert.Single(Find("app", "nothing"));
        Assert.Equal(("app", null, "cri-o", "shop-0", "prod"), (found.ContainerName, found.ContainerImage, found.ContainerRuntime, found.PodName, found.PodNamespace));
        found = Assert.Single(reader.Ask(new() { Port = [new(83, 83)] }));
        Assert.Equal(("", "", "", ""), (found.ContainerName, found.ContainerRuntime, found.PodName, found.ContainerId));

        // The name is judged, too.
        BindPolicy policy = BindPolicy.FromJson("{\"Rules\": [{\"Name\": \"one\", \"Action\": \"Allow\", \"ContainerName\": [\"web\", \"old\"]}]}"u8.ToArray(), "policy");
        BindReport report = new(policy: policy);
        report.AddRecord(FilePath);
        Assert.Equal(["shop-0", "ssh.service"], report.Judgement.Violations.Keys.Select(v => v.Owner).Order());
    }

    /// <summary>A file of an older version is read as it is, and made a newer one by who writes to it; the names that it lacks are not known.</summary>
    [Fact]
    public void A_record_of_the_first_format_is_read_and_upgraded()
    {
        const string Path = "/system.slice/docker-3f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c9a7be0423f1c.scope";
        using (RecordDatabase old = RecordDatabase.Open(FilePath, LibSqlite.SQLITE_OPEN_READWRITE | LibSqlite.SQLITE_OPEN_CREATE))
        {
            using StreamReader schema = new(typeof(RecordTests).Assembly.GetManifestResourceStream("record-1.sql")!);
            old.Execute(schema.ReadToEnd());
            old.Execute($"INSERT INTO clock VALUES(0, {Year2026}, 0); INSERT INTO epoch VALUES(1, 0, NULL); " +
                "INSERT INTO run VALUES(1, 'boot', 'host', '0.9', 0, 1, 1000000, 1000000, 1, ''); " +
                $"INSERT INTO who VALUES(1, 0, 'nginx', 33, 33, 1, 0, 5, 6, '{Path}'), (2, 0, 'sshd', 0, 0, 1, 0, 5, 6, '/system.slice/ssh.service'); " +
                "INSERT INTO what VALUES(1, 0, 6, 1, 2, '0.0.0.0', NULL, 0, 0, 0, 0, 0, ''); " +
                "INSERT INTO bind VALUES(200000, 100000, 0, NULL, 80, 1, 1, 7, NULL, 8), (300000, 2147483647, NULL, NULL, 22, 2, 1, 8, NULL, 9)");
        }

        File.SetUnixFileMode(FilePath, (UnixFileMode)0x180);
        void Check()
        {
            using RecordReader reader = new(FilePath);
            RecordedBind[] all = [.. reader.Ask(new() { Until = At(0.9) })];
            Assert.Equal([("nginx", null, null), ("sshd", "", "")], all.Select(a => (a.Comm, a.ContainerName, a.PodName)));
            Assert.Equal("Unnamed", Assert.Single(reader.Ask(new() { Container = ["web"], Until = At(0.9) })).Cause);
            Assert.Equal(80, Assert.Single(reader.Ask(new() { Container = ["3f1c9a7be042"], Until = At(0.9) })).Port);
            Assert.Empty(reader.Ask(new() { Container = ["web"], Port = [new(22, 22)], Until = At(0.9) }));
        }

        Check();
        using RecordDatabase database = RecordFile.OpenForWriting(FilePath, out FileDescriptor held);
        using (held)
        using (RecordWriter writer = new(database, s_host, "", 2_000_000_000, Year2026 + 2_000_000, failed: false))
        {
            // What is in the log alone is read already.
            Assert.Equal(RecordSchema.Version, database.Number("PRAGMA user_version"));
            writer.Reconcile([], 2_000_000, 2_000_001, isWhole: true);
            writer.Add(Made.Event(2_100_000, port: 81, inode: 10, cgroupPath: Path, container: new("docker", "web", "nginx", "", "")));
            writer.Commit(2_200_000, hasEnded: true);
            Check();
            using RecordReader reader = new(FilePath);
            Assert.Equal([81], reader.Ask(new() { Container = ["web"], From = At(2.05) }).Select(f => f.Port));
            Assert.Equal(1, database.Number("SELECT count(*) FROM bound WHERE container = 'web'"));
            Assert.Equal(0, database.Number("SELECT count(*) FROM refused"));
        }

        // Nothing is left to do the next time.
        database.Dispose();
        RecordFile.OpenForWriting(FilePath, out FileDescriptor again).Dispose();
        again.Dispose();
    }

    [Fact]
    public void Only_databases_are_taken_for_records()
    {
        Write(_ => { });
        Assert.True(RecordFile.IsDatabase(FilePath));
        string text = Path.Combine(_directory, "text");
        File.WriteAllText(text, "SQLite format 3");
        Assert.All([text, _directory, "/dev/zero", "", "a\0b", Path.Combine(_directory, "none")], path => Assert.False(RecordFile.IsDatabase(path)));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static readonly string[] s_refusals = ["NotARecord", "RecordFileNotOurs"];

    private static DateTime At(double seconds) => DateTime.UnixEpoch.AddMicroseconds(Year2026 + (seconds * 1e6));

    /// <summary>A release at that time since boot.</summary>
    private static ReleaseEvent Released(long microseconds, long inode)
    {
        const long Base = 1_000_000_000;
        return Made.Release(microseconds - Base, inode: inode);
    }

    /// <param name="looked">When the first look at all sockets ends.</param>
    private void Write(Action<RecordWriter> write, long looked = 1)
    {
        using RecordDatabase database = RecordFile.OpenForWriting(FilePath, out FileDescriptor held);
        using (held)
        using (RecordWriter writer = new(database, s_host, "", 0, Year2026, failed: false))
        {
            writer.Reconcile([], 0, looked, isWhole: true);
            write(writer);
            writer.Commit(1_000_000, hasEnded: true);
        }
    }

    /// <summary>A machine with a recorder, whose time passes as the test says.</summary>
    private sealed class Machine(string path, int seed) : IDisposable
    {
        public const int Ports = 8;

        private readonly Random _random = new(seed);
        private readonly Dictionary<ushort, long> _held = [];
        private readonly List<(ushort Port, long Inode, long From, long Until)> _lives = [];
        private readonly List<(long From, long Utc)> _clock = [(1_000_000_000, Year2026)];
        private RecordDatabase? _database;
        private FileDescriptor? _lock;
        private RecordWriter? _writer;

        // What has gone by since the first boot, in microseconds, and when the present boot was.
        private long _now = 1_000_000_000;
        private long _boot;
        private int _boots;
        private long _inode = 100;
        private int _process = 1000;
        private bool _wasSetUnseen;
        private bool _wasSetNotCommitted;
        private List<int> _notCommitted = [];

        public long FirstUtc { get; private set; } = Year2026;

        public long LastUtc { get; private set; } = Year2026;

        public HashSet<int> Refused { get; } = [];

        public HashSet<int> RefusedAndRecorded { get; } = [];

        /// <summary>What was held when the clock showed that.</summary>
        public IEnumerable<long> HeldAt(long utc, ushort port)
        {
            for (int i = 0; i < _clock.Count; i++)
            {
                long time = _clock[i].From + (utc - _clock[i].Utc);
                if (time >= _clock[i].From && (i + 1 == _clock.Count || time < _clock[i + 1].From))
                {
                    foreach ((_, long inode, _, _) in _lives.Where(l => l.Port == port && l.From <= time && time < l.Until))
                    {
                        yield return inode;
                    }
                }
            }
        }

        public void LiveForASecond()
        {
            if (_writer is null && _random.Next(2) == 0)
            {
                Start();
            }

            bool loses = _writer is not null && _random.Next(12) == 0;
            long end = _now + 1_000_000;
            for (int i = _random.Next(12); i > 0; i--)
            {
                _now += _random.NextInt64(1, 80_000);
                Happen(loses && _random.Next(2) == 0);
            }

            _now = end;
            int accident = _random.Next(60);
            if (_writer is not null)
            {
                if (accident < 3)
                {
                    // It is killed, or cannot write, before it has written this second.
                    _wasSetUnseen |= _wasSetNotCommitted;
                    Dispose();
                    return;
                }

                if (loses)
                {
                    _writer.BeginGap(_writer.Alive, RecordGapReason.Lost, 1);
                }

                if (loses || _random.Next(3) > 0)
                {
                    Look();
                }

                _writer.Commit(_writer.TimeOf(Kernel), hasEnded: accident == 3);
                _wasSetNotCommitted = false;
                RefusedAndRecorded.UnionWith(_notCommitted);
                _notCommitted = [];
                if (accident == 3)
                {
                    Dispose();
                }
            }

            // Of a clock that is set twice while nobody looks, or set and then a boot, nobody knows what it showed in between.
            if (accident is 4 or 5 && !_wasSetUnseen)
            {
                _wasSetUnseen = _writer is null;
                _wasSetNotCommitted = _writer is not null;
                _clock.Add((_now, Utc + _random.NextInt64(-90_000_000, 90_000_000)));
                _writer?.CheckClock(Kernel, Utc);
            }
            else if (accident == 6 && _writer is null && !_wasSetUnseen)
            {
                _wasSetUnseen = true;
                foreach (ushort port in _held.Keys.ToList())
                {
                    Let(port);
                }

                _now += 30_000_000;
                _boot = _now;
                _boots++;
                _now += 5_000_000;
            }

            LastUtc = Math.Max(LastUtc, Utc);
            FirstUtc = Math.Min(FirstUtc, Utc);
        }

        public void End()
        {
            foreach (ushort port in _held.Keys.ToList())
            {
                Let(port);
            }

            Dispose();
        }

        public void Dispose()
        {
            _writer?.Dispose();
            _database?.Dispose();
            _lock?.Dispose();
            _writer = null;
            _notCommitted = [];
        }

        private long Utc => _clock[^1].Utc + (_now - _clock[^1].From);

        private long Kernel => (_now - _boot) * 1000;

        private void Start()
        {
            _wasSetUnseen = false;
            _database = RecordFile.OpenForWriting(path, out _lock);
            _writer = new RecordWriter(_database, new RecordHost($"boot {_boots}", "host", "1"), "", Kernel, Utc, failed: false, epochRows: 40);
            Look();
            _writer.Commit(_writer.TimeOf(Kernel));
        }

        private void Look()
        {
            long begin = _writer!.TimeOf(Kernel);
            _writer.BeginLook(begin);
            BindSocket[] found = [.. _held.Select(h => Made.Socket(h.Value, h.Key))];
            _now += 100;
            if (_held.Count > 0 && _random.Next(4) == 0)
            {
                Let(_held.Keys.First(), _writer);
            }

            _now += 100;
            _writer.Reconcile(found, begin, _writer.TimeOf(Kernel), isWhole: true);
        }

        private void Happen(bool isLost)
        {
            ushort port = (ushort)(8000 + _random.Next(Ports));
            RecordWriter? writer = isLost ? null : _writer;
            if (!_held.TryGetValue(port, out _))
            {
                _held[port] = ++_inode;
                _lives.Add((port, _inode, _now, long.MaxValue));
                writer?.Add(Made.Event(Kernel / 1000, port: port, inode: _inode));
            }
            else if (_random.Next(3) == 0)
            {
                Refused.Add(++_process);
                if (writer is not null)
                {
                    writer.Add(Made.Event(Kernel / 1000, error: 98, pid: _process, port: port, inode: ++_inode));
                    _notCommitted.Add(_process);
                }
            }
            else
            {
                Let(port, writer);
            }
        }

        /// <param name="writer">What hears of it, as nobody does of some.</param>
        private void Let(ushort port, RecordWriter? writer = null)
        {
            if (_random.Next(4) > 0)
            {
                writer?.Add(Released(Kernel / 1000, _held[port]));
            }

            int index = _lives.FindLastIndex(l => l.Inode == _held[port]);
            _lives[index] = _lives[index] with { Until = _now };
            _held.Remove(port);
        }
    }
}

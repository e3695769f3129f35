using System.Diagnostics;
using System.Text;
using BindSnoop.Abi;
using BindSnoop.Records;
using BindSnoop.Interop;

namespace BindSnoop.Bench;

/// <summary>
/// What a record takes: binds at 50,000 a second of its own time, each let go within that second, and questions about what is in
/// it. The tracing is not in it.
/// </summary>
internal static class Recording
{
    private const int PerSecond = 50_000;
    private const int Questions = 200;

    public static void Measure(Settings settings, Results results)
    {
        string directory = Directory.CreateTempSubdirectory("bindsnoop-bench-").FullName;
        try
        {
            string path = Path.Combine(directory, "record.db");
            long seconds = settings.Events / PerSecond;
            Stopwatch time = Stopwatch.StartNew();
            Write(path, seconds);
            double rows = seconds * PerSecond;
            results.Add("record-rate", "binds a second", 1, rows / time.Elapsed.TotalSeconds);
            results.Add("record-size", "bytes a bind", 1, new FileInfo(path).Length / rows);
            results.Add("record-memory", "MB", 1, Environment.WorkingSet / 1e6);

            Random random = new(1);
            for (int i = 1; i <= Questions; i++)
            {
                ushort port = (ushort)(32768 + random.Next(28000));
                RecordQuestion at = new() { At = DateTime.UnixEpoch.AddSeconds(random.NextDouble() * seconds), Port = [new(port, port)] };
                results.Add("record-question", "who held a port at a moment, ms", i, Ask(path, at));
                results.Add("record-question", "all of a port, ms", i, Ask(path, at with { At = null }));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static double Ask(string path, RecordQuestion question)
    {
        long began = Stopwatch.GetTimestamp();
        using (RecordReader reader = new(path))
        {
            foreach (RecordedBind _ in reader.Ask(question))
            {
            }
        }

        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static void Write(string path, long seconds)
    {
        using RecordDatabase database = RecordFile.OpenForWriting(path, out FileDescriptor held);
        using (held)
        using (RecordWriter writer = new(database, new RecordHost("boot", "host", "1"), "", 0, 0, failed: false))
        {
            writer.Reconcile([], 0, 1, isWhole: true);
            int number = 0;
            for (long second = 1; second <= seconds; second++)
            {
                for (int i = 0; i < PerSecond; i++)
                {
                    writer.Add(Event((second * 1_000_000) + (i * (1_000_000L / PerSecond)), ++number));
                }

                writer.Reconcile([], (second * 1_000_000) + 999_990, (second * 1_000_000) + 999_995, isWhole: true);
                writer.Commit((second * 1_000_000) + 999_999);
            }
        }
    }

    // As Decoding has them: many ports, few names.
    private static BindEvent Event(long microseconds, int i)
    {
        BindSample sample = new()
        {
            AddressFamily = 2,
            Port = (ushort)(32768 + (i * 7919L % 28000)),
            ProtocolNumber = i % 3 == 0 ? (ushort)17 : (ushort)6,
            SocketType = 1,
            Options = (byte)(i % 32),
        };
        sample.Origin.Time = (ulong)microseconds * 1000;
        sample.Origin.ProcessId = sample.Origin.ThreadId = (uint)(10_000 + (i % 100_000));
        sample.Origin.ParentProcessId = 1;
        sample.Origin.Uid = (uint)(i % 4);
        sample.Origin.Inode = (ulong)(5_000_000 + i);
        sample.Origin.NetworkNamespace = 4026531840;
        sample.Origin.MountNamespace = 4026531841;
        Encoding.ASCII.GetBytes($"service-{i % 16}").CopyTo(sample.Origin.Comm);
        sample.Address[0] = 127;
        sample.Address[3] = 1;
        sample.Requested.Family = 2;
        sample.Requested.Address = sample.Address;
        return new BindEvent(sample, new EventContext(DateTime.UnixEpoch.Ticks, Backend.Fentry, "/system.slice/some.service"));
    }
}

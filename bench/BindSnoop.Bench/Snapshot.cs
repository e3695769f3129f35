using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace BindSnoop.Bench;

/// <summary>Reading a full table of counts, milliseconds.</summary>
internal static class Snapshot
{
    public static void Measure(Settings settings, Results results)
    {
        using BindCounter counter = new(new TraceOptions { Filter = new TraceFilter { ProcessId = [(uint)Environment.ProcessId] } });
        Fill(TraceOptions.DefaultCountCapacity);
        for (int round = 1; round <= settings.Rounds; round++)
        {
            string variant = round == 1 ? "first" : "later";
            double started = Tools.ThreadSeconds();
            Stopwatch watch = Stopwatch.StartNew();
            int keys = counter.Read().Count;
            results.Add("snapshot-ms", variant, round, watch.Elapsed.TotalMilliseconds);
            results.Add("snapshot-cpu-ms", variant, round, 1000 * (Tools.ThreadSeconds() - started));
            results.Add("snapshot-keys", "keys", round, keys);
        }
    }

    private static void Fill(int count)
    {
        const int Ports = 16384;
        for (int i = 0; i < count; i++)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                socket.Bind(new IPEndPoint(new IPAddress([127, 77, 0, (byte)(1 + (i / Ports))]), 16384 + (i % Ports)));
            }
            catch (SocketException)
            {
                // Somebody has this port on all addresses.
            }
        }
    }
}

using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Reading;

namespace BindSnoop.Bench;

/// <summary>
/// What it takes to make events of samples, and what they leave to the garbage collector, from a ring
/// buffer that is already full.
/// </summary>
internal static unsafe partial class Decoding
{
    private const int Samples = 200_000;
    private const int Size = 64 * 1024 * 1024;

    public static void Measure(Settings settings, Results results)
    {
        int page = Environment.SystemPageSize;
        using FileDescriptor memory = MakeFile(page + page + Size);
        using FileDescriptor waiting = MakeFile(page);
        long written = Fill(memory, page);

        // Compiled for good only after some use.
        for (int warm = 0; warm < 5; warm++)
        {
            Pass(memory, waiting, page, written, "read", out _);
            Pass(memory, waiting, page, written, "decode", out _);
            Pass(memory, waiting, page, written, "properties", out _);
        }

        for (int round = 1; round <= settings.Rounds; round++)
        {
            foreach (string what in new[] { "read", "decode", "properties" })
            {
                double seconds = Pass(memory, waiting, page, written, what, out long bytes);
                results.Add("decode-rate", what, round, Samples / seconds);
                results.Add("decode-bytes", what, round, (double)bytes / Samples);
            }
        }
    }

    private static double Pass(FileDescriptor memory, FileDescriptor waiting, int page, long written, string what, out long bytes)
    {
        Rewind(memory, page, written);
        using RingBuffer ring = new(memory.Value, Size, waiting.Value);
        EventEnricher enricher = new();
        long count = 0;
        long length = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        double started = Tools.ThreadSeconds();
        ReadOnlySpan<byte> sample;
        while (!(sample = ring.Read()).IsEmpty)
        {
            if (count++ % 256 == 0)
            {
                enricher.BeginBatch();
            }

            if (what == "read")
            {
                length += sample[0];
                continue;
            }

            ref readonly BindSample bind = ref MemoryMarshal.AsRef<BindSample>(sample);
            BindEvent next = new(bind, enricher.LookUp(bind.Origin, bind.InterfaceIndex, Backend.Fentry));
            length += what == "decode" ? next.ProcessId : AllProperties(next);
        }

        double seconds = Tools.ThreadSeconds() - started;
        bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        GC.KeepAlive(length);
        return count == Samples ? seconds : throw new InvalidOperationException($"read {count} samples");
    }

    private static int AllProperties(BindEvent next) =>
        next.Comm.Length + next.UserName.Length + next.Protocol.Length + next.SocketType.Length + next.AddressFamily.Length +
        next.Address!.Length + next.Port + next.RequestedAddress!.Length + next.RequestedPort + next.OptionString.Length +
        next.InterfaceName.Length + next.ErrorName.Length + next.CgroupPath.Length + next.Backend.Length + next.Time.Second;

    private static long Fill(FileDescriptor file, int page)
    {
        using MemoryMap map = MemoryMap.Map(file.Value, (nuint)(page + page + Size), writable: true, 0);
        byte* data = map.Pointer + page + page;
        byte* position = data;
        for (int i = 0; i < Samples; i++)
        {
            // What a machine with a few busy services would see: many ports, few names.
            *(ulong*)position = (ulong)sizeof(BindSample);
            ref BindSample sample = ref *(BindSample*)(position + 8);
            sample = default;
            sample.Origin.Time = (ulong)(1_000_000_000_000 + (i * 3_000L));
            sample.Origin.CgroupId = (ulong)(1 + (i % 8));
            sample.Origin.ProcessId = sample.Origin.ThreadId = (uint)(1000 + (i % 100));
            sample.Origin.ParentProcessId = 1;
            sample.Origin.Uid = (uint)(i % 4);
            sample.Origin.NetworkNamespace = 4026531840;
            sample.Origin.MountNamespace = 4026531841;
            Encoding.ASCII.GetBytes($"service-{i % 16}").CopyTo(sample.Origin.Comm);
            bool six = i % 4 == 0;
            sample.AddressFamily = sample.Requested.Family = six ? (ushort)10 : (ushort)2;
            sample.Address[six ? 15 : 3] = 1;
            sample.Address[0] = six ? (byte)0 : (byte)127;
            sample.Requested.Address = sample.Address;
            sample.Port = (ushort)(32768 + (i % 28000));
            sample.ProtocolNumber = i % 3 == 0 ? (ushort)17 : (ushort)6;
            sample.SocketType = 1;
            sample.Options = (byte)(i % 32);
            position += RingBuffer.RoomFor(sizeof(BindSample));
        }

        return position - data;
    }

    private static void Rewind(FileDescriptor file, int page, long written)
    {
        using MemoryMap map = MemoryMap.Map(file.Value, (nuint)(page + page), writable: true, 0);
        *(long*)map.Pointer = 0;
        *(long*)(map.Pointer + page) = written;
    }

    private static FileDescriptor MakeFile(long size)
    {
        FileDescriptor file = new(memfd_create("ring", 0));
        return ftruncate(file.Value, size) == 0 ? file : throw new InvalidOperationException("no memory for a ring");
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc")]
    private static partial int ftruncate(int file, long size);
}

using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Interop;

namespace BindSnoop.Reading;

/// <summary>
/// Reads a BPF ring buffer in place (Documentation/bpf/ringbuf.rst) and sleeps while it is empty.
/// One thread reads; any thread may interrupt.
/// </summary>
internal sealed unsafe class RingBuffer : IDisposable
{
    private const uint BusyBit = 1u << 31;
    private const uint DiscardBit = 1u << 30;
    private const int HeaderSize = 8;

    /// <summary>How long a busy reader lets events gather, which bounds their delay.</summary>
    private const int GatherMilliseconds = 1;

    /// <summary>After how many empty looks in a row the reader goes to sleep.</summary>
    private const int LooksBeforeSleep = 5;

    private readonly MemoryMap _consumerPage;
    private readonly MemoryMap _producerPages;
    private readonly MemoryMap _readerPage;
    private readonly FileDescriptor _interrupt;
    private readonly int _fd;
    private readonly ulong* _consumer;
    private readonly ulong* _producer;
    private readonly ReaderState* _reader;
    private readonly byte* _data;
    private readonly ulong _mask;
    private ulong _position;
    private ulong _searched;
    private int _emptyLooks;

    public RingBuffer(int fd, int size, int readerFd)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        _fd = fd;
        _interrupt = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        if (_interrupt.IsInvalid)
        {
            throw TraceException.FromErrno("EventFdFailed", "Creating an eventfd failed", Marshal.GetLastPInvokeError());
        }

        try
        {
            _consumerPage = MemoryMap.Map(fd, page, writable: true, 0);
            _producerPages = MemoryMap.Map(fd, page + (2 * (nuint)size), writable: false, (long)page);
            _readerPage = MemoryMap.Map(readerFd, page, writable: true, 0);
        }
        catch
        {
            Dispose();
            throw;
        }

        _consumer = (ulong*)_consumerPage.Pointer;
        _producer = (ulong*)_producerPages.Pointer;
        _data = _producerPages.Pointer + page;
        _reader = (ReaderState*)_readerPage.Pointer;
        _mask = (ulong)size - 1;
        _position = Volatile.Read(ref *_consumer);
    }

    /// <summary>How many bytes were ever put in, each sample with its header and padding.</summary>
    public long Produced => (long)Volatile.Read(ref *_producer);

    /// <summary>Whether everything that was put in has been read.</summary>
    public bool IsEmpty => _position == Volatile.Read(ref *_producer);

    /// <summary>How many bytes a sample takes.</summary>
    public static long RoomFor(int sampleSize) => (sampleSize + HeaderSize + 7) & ~7L;

    /// <summary>
    /// The next sample, in place, or an empty span. It is valid until the next call, which gives its
    /// room back to the kernel.
    /// </summary>
    public ReadOnlySpan<byte> Read()
    {
        if (Volatile.Read(ref *_consumer) != _position)
        {
            Volatile.Write(ref *_consumer, _position);
        }

        while (_position < Volatile.Read(ref *_producer))
        {
            byte* header = _data + (_position & _mask);
            uint length = Volatile.Read(ref *(uint*)header);

            // Being written: worth a short wait, because its time may be earlier than that of the last one.
            for (SpinWait wait = default; (length & BusyBit) != 0 && !wait.NextSpinWillYield; wait.SpinOnce())
            {
                length = Volatile.Read(ref *(uint*)header);
            }

            if ((length & BusyBit) != 0)
            {
                break;
            }

            uint size = length & ~DiscardBit;
            if (size > _mask)
            {
                throw SampleBytes.Invalid(size);
            }

            _position += (ulong)RoomFor((int)size);
            if ((length & DiscardBit) == 0)
            {
                _emptyLooks = 0;
                return new ReadOnlySpan<byte>(header + HeaderSize, (int)size);
            }
        }

        return default;
    }

    /// <summary>
    /// Copies of what was put in and then discarded, which <see cref="Read"/> passes over, since the last call; what lies
    /// around it stays to be read. Not while another thread reads.
    /// </summary>
    public IReadOnlyList<byte[]> FindDiscarded()
    {
        List<byte[]> found = [];
        for (_searched = Math.Max(_searched, _position); _searched < Volatile.Read(ref *_producer);)
        {
            byte* header = _data + (_searched & _mask);
            uint length = Volatile.Read(ref *(uint*)header);
            uint size = length & ~(BusyBit | DiscardBit);
            if (size > _mask)
            {
                throw SampleBytes.Invalid(size);
            }

            if ((length & (BusyBit | DiscardBit)) == DiscardBit)
            {
                found.Add(new ReadOnlySpan<byte>(header + HeaderSize, (int)size).ToArray());
            }

            _searched += (ulong)RoomFor((int)size);
        }

        return found;
    }

    /// <summary>
    /// Sleeps until there may be something to read, <see cref="Interrupt"/> was called, or the time is up.
    /// While events keep coming it looks again every millisecond, which spares the kernel a wake-up for
    /// each; when they stop it sleeps until the kernel wakes it.
    /// </summary>
    /// <param name="timeoutMilliseconds">-1: without end.</param>
    public void Wait(int timeoutMilliseconds)
    {
        if (_emptyLooks < LooksBeforeSleep)
        {
            _emptyLooks++;
            Poll(includeData: false, Earlier(GatherMilliseconds, timeoutMilliseconds));
            return;
        }

        // A CPU that did not see the request yet, and put in an event without waking, is seen by the
        // second look: by then its view has long caught up.
        Volatile.Write(ref _reader->Waiting, 1);
        if (_emptyLooks == LooksBeforeSleep)
        {
            _emptyLooks++;
            Poll(includeData: true, Earlier(10 * GatherMilliseconds, timeoutMilliseconds));
            return;
        }

        Poll(includeData: true, timeoutMilliseconds);
    }

    /// <summary>Says to the programs that they are about to be detached.</summary>
    public void Leave() => Volatile.Write(ref _reader->Leaving, 1);

    /// <summary>Ends a <see cref="Wait"/>, the present or the next. Safe from any thread, until disposal.</summary>
    public void Interrupt()
    {
        ulong one = 1;
        try
        {
            _ = Libc.write(_interrupt, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
        }
    }

    public void Dispose()
    {
        _readerPage?.Dispose();
        _producerPages?.Dispose();
        _consumerPage?.Dispose();
        _interrupt.Dispose();
    }

    private static int Earlier(int a, int b) => b < 0 ? a : Math.Min(a, b);

    private void Poll(bool includeData, int timeoutMilliseconds)
    {
        Libc.PollDescriptor* descriptors = stackalloc Libc.PollDescriptor[2];
        descriptors[0] = new() { Fd = _interrupt.Value, Events = Libc.POLLIN };
        descriptors[1] = new() { Fd = _fd, Events = Libc.POLLIN };
        if (Libc.poll(descriptors, includeData ? 2u : 1u, timeoutMilliseconds) > 0 && descriptors[0].ReturnedEvents != 0)
        {
            ulong count;
            try
            {
                _ = Libc.read(_interrupt, &count, sizeof(ulong));
            }
            catch (ObjectDisposedException)
            {
                // That was what the interrupt was for.
            }
        }
    }
}

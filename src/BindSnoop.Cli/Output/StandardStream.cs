using System.Runtime.InteropServices;

namespace BindSnoop.Cli.Output;

/// <summary>Writing to standard output failed.</summary>
internal sealed class OutputException(string message) : Exception(message);

/// <summary>Whoever read our output has closed it.</summary>
internal sealed class ReaderGoneException : Exception;

/// <summary>Where output goes.</summary>
internal interface IByteSink
{
    /// <summary>Whether a person reads along.</summary>
    bool IsTerminal { get; }

    /// <summary>Writes all of it.</summary>
    void Write(ReadOnlySpan<byte> bytes);
}

/// <summary>
/// Standard output or error through write(2) itself: Console's streams keep quiet about a reader that is
/// gone, and FileStream writes a file at offsets of its own, over what others write to it.
/// </summary>
internal sealed unsafe partial class StandardStream : IByteSink
{
    private const int EINTR = 4;
    private const int EAGAIN = 11;
    private const int EPIPE = 32;
    private const short POLLOUT = 4;
    private const short POLLERR = 8;
    private const short POLLHUP = 16;

    private readonly int _fd;

    private StandardStream(int fd) => _fd = fd;

    public static StandardStream Output { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    /// <inheritdoc/>
    public bool IsTerminal => isatty(_fd) != 0;

    /// <summary>Writes all of it.</summary>
    /// <exception cref="ReaderGoneException">No one reads any more.</exception>
    /// <exception cref="OutputException">It failed otherwise.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            nint written;
            fixed (byte* pointer = bytes)
            {
                written = write(_fd, pointer, (nuint)bytes.Length);
            }

            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case EINTR:
                    break;
                case EAGAIN:
                    PollDescriptor writable = new() { Fd = _fd, Events = POLLOUT };
                    _ = poll(&writable, 1, -1);
                    break;
                case EPIPE:
                    throw new ReaderGoneException();
                case int errno:
                    throw new OutputException($"Writing the output failed: {Marshal.GetPInvokeErrorMessage(errno)}.");
            }
        }
    }

    /// <summary>
    /// Calls back when the other end of a pipe is closed, so that "| head" ends us even if nothing more comes.
    /// </summary>
    public void WhenReaderIsGone(Action gone)
    {
        if (IsTerminal)
        {
            return;
        }

        Thread watcher = new(() =>
        {
            PollDescriptor closed = new() { Fd = _fd };
            while (poll(&closed, 1, -1) < 0)
            {
            }

            if ((closed.ReturnedEvents & (POLLERR | POLLHUP)) != 0)
            {
                gone();
            }
        })
        {
            IsBackground = true,
        };
        watcher.Start();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte* data, nuint size);

    [LibraryImport("libc")]
    private static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc")]
    private static partial int isatty(int fd);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Fd;
        public short Events;
        public short ReturnedEvents;
    }
}

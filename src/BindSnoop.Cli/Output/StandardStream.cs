using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using BindSnoop.Errors;
using BindSnoop.Interop;

namespace BindSnoop.Cli.Output;

/// <summary>Writing to standard output failed.</summary>
internal sealed class OutputException(string message) : Exception(message);

/// <summary>The reader of our output has closed it.</summary>
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
[SuppressMessage("Design", "CA1001", Justification = "The descriptors are not ours to close.")]
internal sealed unsafe class StandardStream : IByteSink
{
    private readonly FileDescriptor _fd;

    private StandardStream(int fd) => _fd = new FileDescriptor(fd, owned: false);

    public static StandardStream Output { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    /// <inheritdoc/>
    public bool IsTerminal => Libc.isatty(_fd) != 0;

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
                written = Libc.write(_fd, pointer, (nuint)bytes.Length);
            }

            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Errno.EINTR:
                    break;
                case Errno.EAGAIN:
                    Libc.PollDescriptor writable = new() { Fd = _fd.Value, Events = Libc.POLLOUT };
                    _ = Libc.poll(&writable, 1, -1);
                    break;
                case Errno.EPIPE:
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
            Libc.PollDescriptor closed = new() { Fd = _fd.Value };
            while (Libc.poll(&closed, 1, -1) < 0)
            {
            }

            if ((closed.ReturnedEvents & (Libc.POLLERR | Libc.POLLHUP)) != 0)
            {
                gone();
            }
        })
        {
            IsBackground = true,
        };
        watcher.Start();
    }
}

namespace BindSnoop.Names;

/// <summary>Names of threads ("comm"), which the kernel cuts.</summary>
internal static class ThreadName
{
    /// <summary>With the zero at its end: TASK_COMM_LEN.</summary>
    public const int Size = 16;

    /// <summary>Reads the name of a thread as events show it.</summary>
    /// <exception cref="TraceException"><c>InvalidComm</c>.</exception>
    public static byte[] Parse(string comm)
    {
        byte[] bytes = DisplayText.Unescape(comm);
        return bytes.Length is > 0 and < Size && !bytes.Contains((byte)0)
            ? bytes
            : throw new TraceException(
                "InvalidComm",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(comm)}' cannot be a thread's name.",
                $"Give 1 to {Size - 1} bytes: the kernel cuts longer names, so 'a-very-long-program' is 'a-very-long-pro'.",
                comm);
    }
}

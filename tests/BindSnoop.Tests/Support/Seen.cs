namespace BindSnoop.Tests;

/// <summary>Which calls there must be an event of.</summary>
internal static class Seen
{
    /// <summary>Stands for a port that the truth cannot know.</summary>
    public const int SomePort = -1;

    public static bool By(TruthLine line, Backend backend) =>
        // Neither a socket nor an address that would make it a bind of IP.
        line.Family is not null && IsHooked(line, backend);

    /// <summary>What a back end makes of an accept; null if there is to be no event.</summary>
    public static AcceptLine? As(AcceptLine line, Backend backend, TraceFilter filter)
    {
        if (line.Protocol is not (6 or 262) || !IsHooked(line, backend))
        {
            return null;
        }

        if (line.ErrorName == "EFAULT" && backend != Backend.Tracepoint)
        {
            // The kernel had the connection already, when it could not tell the caller whose it was.
            line = line with { Error = 0, ErrorName = null, RemoteAddress = "127.0.0.1", RemotePort = SomePort };
        }

        bool asked = line.Error == 0 || (filter.IncludeError && (line.ErrorName != "EAGAIN" || filter.IncludeWouldBlock));
        return asked ? line : null;
    }

    private static bool IsHooked(CallLine line, Backend backend) =>
        line.Shown &&
        // The tracepoints are those of the 64-bit system call alone.
        (backend != Backend.Tracepoint || line.Via == "syscall");
}

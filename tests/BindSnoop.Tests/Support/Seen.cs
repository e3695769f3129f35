namespace BindSnoop.Tests;

/// <summary>Which calls there must be an event of.</summary>
internal static class Seen
{
    public static bool By(TruthLine line, Backend backend) =>
        line.Shown &&
        // Neither a socket nor an address that would make it a bind of IP.
        line.Family is not null &&
        // The tracepoints are those of the 64-bit system call alone.
        (backend != Backend.Tracepoint || line.Via == "syscall");
}

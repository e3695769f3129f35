namespace BindSnoop.Tests;

/// <summary>Which calls there must be an event of.</summary>
internal static class Seen
{
    /// <summary>Stands for a port that the truth cannot know.</summary>
    public const int SomePort = -1;

    // Whether functions can be hooked beside the programs of the cgroup.
    private static readonly Lazy<bool> s_besideCgroup = new(() => Requires.Works(Backend.Fentry) || Requires.Works(Backend.Kprobe));

    public static bool By(TruthLine line, Backend backend, TraceFilter filter) =>
        // Neither a socket nor an address that would make it a bind of IP.
        line.Family is not null &&
        (backend == Backend.Cgroup ? line.Shown && IsSeenWithCgroup(line, filter) : IsHooked(line, backend));

    private static bool IsSeenWithCgroup(TruthLine line, TraceFilter filter)
    {
        // Left out anyway.
        if (line.Error != 0 && !filter.IncludeError)
        {
            return true;
        }

        bool ofTheCgroup = line.Error == 0 && !BindsByItself(line) &&
            !(line.Options[2] == 'N' && line.RequestedPort == 0);
        if (ofTheCgroup)
        {
            return true;
        }

        // With failures every call is looked at, by functions or else by tracepoints.
        return filter.IncludeError
            ? s_besideCgroup.Value || line.Via == "syscall"
            : s_besideCgroup.Value && line.Protocol is not (115 or 132);
    }

    private static bool BindsByItself(TruthLine line) => line.Type == "RAW" || line.Protocol is 1 or 58 or 115 or 132;

    /// <summary>What a back end makes of an accept; null if there is to be no event.</summary>
    public static AcceptLine? As(AcceptLine line, Backend backend, TraceFilter filter)
    {
        if (line.Protocol is not (6 or 262) || !IsHooked(line, backend))
        {
            return null;
        }

        if (line.ErrorName == "EFAULT" && backend != Backend.Tracepoint)
        {
            // The kernel had the connection already, when it could not report the caller.
            line = line with { Error = 0, ErrorName = null, RemoteAddress = "127.0.0.1", RemotePort = SomePort };
        }

        bool asked = line.Error == 0 || (filter.IncludeError && (line.ErrorName != "EAGAIN" || filter.IncludeWouldBlock));
        return asked ? line : null;
    }

    /// <summary>What a back end makes of a listen; null if there is to be no event.</summary>
    public static ListenLine? As(ListenLine line, Backend backend, TraceFilter filter)
    {
        if (!IsHooked(line, backend) || (line.Error != 0 && !filter.IncludeError))
        {
            return null;
        }

        bool hasRegisters = Environment.OSVersion.Version >= new Version(5, 15);
        if (line.Case == "listen-seccomp")
        {
            return backend == Backend.Tracepoint && hasRegisters ? line : null;
        }

        // Functions are called with what the kernel has made of it.
        return backend != Backend.Tracepoint && line.AtLimit && !(line.Via == "syscall" && hasRegisters)
            ? line with { Backlog = null }
            : line;
    }

    /// <summary>What a back end makes of a release; null if there is to be no event.</summary>
    public static ReleaseLine? As(ReleaseLine line, Backend backend)
    {
        if (!line.Shown)
        {
            return null;
        }

        return backend switch
        {
            // A process that exits has left its mount namespace.
            Backend.Tracepoint => line.State == "Listen" ? line with { BoundSeen = false, Mntns = line.Call == "exit" ? 0 : line.Mntns } : null,
            Backend.Cgroup when line.Call == "disconnect" || (line.Protocol == 132 && line.State != "Listen") => null,
            Backend.Cgroup => line with { BoundSeen = !line.Implicit && line.Type != "RAW" && line.Protocol is not (1 or 58 or 132) },
            _ => line,
        };
    }

    private static bool IsHooked(CallLine line, Backend backend) =>
        line.Shown &&
        // The tracepoints are those of the 64-bit system call alone.
        (backend != Backend.Tracepoint || line.Via == "syscall");
}

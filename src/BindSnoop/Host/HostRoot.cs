using BindSnoop.Interop;

namespace BindSnoop.Host;

/// <summary>Where the root directory of the host is, for a process that runs in a container.</summary>
internal static class HostRoot
{
    /// <summary>The environment variable that says so.</summary>
    public const string Variable = "BINDSNOOP_HOST_ROOT";

    /// <summary>Null if it is this process's own.</summary>
    public static string? Path => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : null;

    /// <summary>Fails where it is not there.</summary>
    /// <exception cref="TraceException"><c>HostRootNotFound</c>.</exception>
    public static void EnsureFound()
    {
        if (Path is { } path && FileStatus.Of(path, out _) is not { IsDirectory: true })
        {
            throw new TraceException(
                "HostRootNotFound",
                TraceErrorKind.ObjectNotFound,
                $"The environment variable {Variable} names '{DisplayText.Escape(path)}', which is not a directory.",
                "Set it to the directory where the host's root is mounted, such as /host, or /proc/1/root in the host's PID namespace; or unset it.",
                path);
        }
    }
}

using BindSnoop.Errors;

namespace BindSnoop;

/// <summary>What sort of error a <see cref="TraceException"/> is; the names are PowerShell's error categories.</summary>
public enum TraceErrorKind
{
    /// <summary>A value that cannot be right.</summary>
    InvalidArgument,

    /// <summary>Something named does not exist.</summary>
    ObjectNotFound,

    /// <summary>The name is taken.</summary>
    ResourceExists,

    /// <summary>The kernel or the file system refuses, because privileges are missing.</summary>
    PermissionDenied,

    /// <summary>A library or package is missing.</summary>
    NotInstalled,

    /// <summary>This kernel or platform cannot do it.</summary>
    NotImplemented,

    /// <summary>Memory, descriptors or the like ran out.</summary>
    ResourceUnavailable,

    /// <summary>The operation does not fit the state of its object.</summary>
    InvalidOperation,
}

/// <summary>The exception that the engine throws for errors that a user can understand and fix.</summary>
public sealed class TraceException : Exception
{
    /// <summary>Creates the exception.</summary>
    public TraceException(
        string errorId, TraceErrorKind kind, string message, string recommendedAction, object? target = null, Exception? inner = null)
        : base(message, inner)
    {
        ErrorId = errorId;
        Kind = kind;
        RecommendedAction = recommendedAction;
        Target = target;
    }

    /// <summary>A stable name for scripts, such as <c>NotPrivileged</c>.</summary>
    public string ErrorId { get; }

    /// <summary>The sort of error.</summary>
    public TraceErrorKind Kind { get; }

    /// <summary>What the user can do about it.</summary>
    public string RecommendedAction { get; }

    /// <summary>The value at fault, if there is one.</summary>
    public object? Target { get; }

    /// <summary>
    /// Whether it concerns the back end alone, so that another may work where this one does not. Not where memory
    /// or descriptors ran out: another would lack the same.
    /// </summary>
    internal bool RefusesBackend
    {
        get => field && Kind != TraceErrorKind.ResourceUnavailable;
        init;
    }

    /// <summary>
    /// What a system call failed with while it runs. Never <see cref="TraceErrorKind.InvalidArgument"/>: that EINVAL is
    /// about a value of the user's cannot be known.
    /// </summary>
    internal static TraceException FromErrno(
        string errorId, string what, int errno, string recommendedAction = "", object? target = null, bool refusesBackend = false)
    {
        TraceErrorKind kind = errno switch
        {
            Errno.EPERM or Errno.EACCES => TraceErrorKind.PermissionDenied,
            Errno.ENOENT or Errno.ESRCH => TraceErrorKind.ObjectNotFound,
            Errno.ENOMEM or Errno.EMFILE or Errno.ENFILE => TraceErrorKind.ResourceUnavailable,
            _ => TraceErrorKind.InvalidOperation,
        };
        return new TraceException(errorId, kind, $"{what}: {Errno.Describe(errno)}.", recommendedAction, target) { RefusesBackend = refusesBackend };
    }
}

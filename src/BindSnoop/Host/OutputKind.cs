using BindSnoop.Errors;

namespace BindSnoop.Host;

/// <summary>What an output file is for.</summary>
/// <param name="Name">The middle of error ids: <c>Metric</c> makes <c>InvalidMetricPath</c>.</param>
/// <param name="Content">What is in such a file, for messages.</param>
/// <param name="Beginning">How such a file begins, unless it is empty; null: any content may be replaced on request.</param>
/// <param name="Mode">Its permissions; null: as the umask says.</param>
internal sealed record OutputKind(string Name, string Content, byte[]? Beginning, uint? Mode)
{
    public TraceException InvalidPath(string path, string what) =>
        Error($"Invalid{Name}Path", TraceErrorKind.InvalidArgument, path, what, "Give the path of a file, or of a file to create.");

    public TraceException DirectoryNotFound(string path) =>
        Error($"{Name}PathNotFound", TraceErrorKind.ObjectNotFound, path, "cannot be written: its directory does not exist", "Create the directory first, or give another path.");

    public TraceException LinkNotTrusted(string path, string why) =>
        Error($"{Name}LinkNotTrusted", TraceErrorKind.PermissionDenied, path, $"is not written to: {why}", "Give a path without that link.");

    public TraceException NotOurs(string path, string what) =>
        Error($"{Name}FileNotOurs", TraceErrorKind.ResourceExists, path, what, "Give another path, or remove that file first.");

    public TraceException Exists(string path) =>
        Error($"{Name}Exists", TraceErrorKind.ResourceExists, path, "exists already", "Give another path, or -Force to overwrite the file.");

    public TraceException NotWritten(string path, int errno) => Error(
        $"{Name}FileNotWritten",
        errno is Errno.EACCES or Errno.EPERM ? TraceErrorKind.PermissionDenied : TraceErrorKind.InvalidOperation,
        path,
        $"cannot be written: {Errno.Describe(errno)}",
        "Choose a directory that this user can write to and that has free space.");

    private static TraceException Error(string errorId, TraceErrorKind kind, string path, string what, string remedy) =>
        new(errorId, kind, $"'{DisplayText.Escape(path)}' {what}.", remedy, path);
}

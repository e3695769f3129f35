using System.Text;
using BindSnoop.Interop;

namespace BindSnoop.Metrics;

/// <summary>A file in Prometheus' text format, such as node_exporter's textfile collector reads; it is always whole.</summary>
internal sealed class MetricFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly string _path;

    /// <summary>Names the file; it need not be there yet.</summary>
    /// <exception cref="TraceException"><c>InvalidMetricPath</c>, <c>MetricPathNotFound</c>.</exception>
    public MetricFile(string path)
    {
        if (path.Length == 0 || path.Contains('\0') || path.EndsWith('/') || Directory.Exists(path))
        {
            throw Failed("InvalidMetricPath", TraceErrorKind.InvalidArgument, path, "is not the path of a file", "Give the path of a file, such as /var/lib/prometheus/node-exporter/bindsnoop.prom.");
        }

        try
        {
            // Where a link leads, the file is replaced, and not the link.
            FileSystemInfo file = new FileInfo(path);
            _path = (file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true)!).FullName;
        }
        catch (IOException exception)
        {
            throw Failed("InvalidMetricPath", TraceErrorKind.InvalidArgument, path, $"cannot be followed: {exception.Message}", "Give the path of a file.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(_path)))
        {
            throw Failed("MetricPathNotFound", TraceErrorKind.ObjectNotFound, path, "cannot be written: its directory does not exist", "Make the directory first, or give another path.");
        }

        if (File.Exists(_path) && !Libc.IsRegularFile(_path))
        {
            throw Failed("InvalidMetricPath", TraceErrorKind.InvalidArgument, path, "is not a regular file, and would be replaced by one", "Give the path of a file, or of none that exists.");
        }
    }

    /// <summary>Replaces the file. Who reads it sees either all of the old or all of the new values.</summary>
    /// <exception cref="TraceException"><c>MetricFileNotWritten</c>.</exception>
    public void Write(MetricSet set)
    {
        // Not under a name that a collector would take for metrics, nor one for which others could lay out a link.
        string temporary = $"{_path}.{Path.GetRandomFileName()}.tmp";
        try
        {
            try
            {
                using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
                {
#pragma warning disable CA1416 // This is for Linux alone.
                    File.SetUnixFileMode(stream.SafeFileHandle, Mode);
#pragma warning restore CA1416
                    stream.Write(Encoding.UTF8.GetBytes(PrometheusText.Write(set)));
                    stream.Flush(flushToDisk: true);
                }

                File.Move(temporary, _path, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            TraceErrorKind kind = exception is UnauthorizedAccessException ? TraceErrorKind.PermissionDenied : TraceErrorKind.InvalidOperation;
            throw Failed("MetricFileNotWritten", kind, _path, $"cannot be written: {exception.Message}", "Choose a directory that this user may write to and that has room.");
        }
    }

    private static TraceException Failed(string errorId, TraceErrorKind kind, string path, string what, string remedy) =>
        new(errorId, kind, $"'{DisplayText.Escape(path)}' {what}.", remedy, path);
}

using System.Text;
using BindSnoop.Host;

namespace BindSnoop.Reports;

/// <summary>A report as a file. Only an older report of the caller's is replaced.</summary>
internal sealed class ReportFile
{
    private static readonly OutputKind s_kind = new("Report", "a report of BindSnoop", Encoding.ASCII.GetBytes(ReportPage.Beginning), Mode: null);

    private readonly OutputFile _file;

    /// <summary>Names the file; it need not be there yet.</summary>
    /// <exception cref="TraceException">
    /// <c>InvalidReportPath</c>, <c>ReportPathNotFound</c>, <c>ReportLinkNotTrusted</c>, <c>ReportFileNotOurs</c>, <c>ReportFileNotWritten</c>.
    /// </exception>
    public ReportFile(string path)
    {
        _file = new OutputFile(path, s_kind);
        _file.Check(replace: true);
    }

    /// <summary>Writes the page.</summary>
    /// <exception cref="TraceException">As of the constructor, for the directory may have changed.</exception>
    public void Write(BindReport report) => _file.Write(new ReportPage(report).Write(), replace: true);
}

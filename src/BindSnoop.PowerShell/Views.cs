using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace BindSnoop.PowerShell;

/// <summary>
/// Cells of the format views that take more than a property. They get whatever the view is shown for, an
/// object of this process or one that came through remoting or a file.
/// </summary>
public static class Views
{
    private const int FirstUnprivilegedPort = 1024;

    // From here on, three decimals must do for the column.
    private const double LongTime = 1000;

    /// <summary>The port, in the colour of an error if the call failed, of a warning if it is a privileged one.</summary>
    public static object? Port(PSObject item, PSHost host, object style) =>
        Styled(item, "Port", Value(item, "Port") is > 0 and < FirstUnprivilegedPort ? "Warning" : null, host, style);

    /// <summary>A property in the colour of an error if the call failed.</summary>
    public static object? Result(PSObject item, string property, PSHost host, object style) => Styled(item, property, null, host, style);

    /// <summary>Error name and text; empty on success.</summary>
    public static object? Error(PSObject item, PSHost host, object style) =>
        Failed(item) ? Paint($"{Value(item, "ErrorName")}: {Value(item, "ErrorMessage")}", "Error", host, style) : "";

    /// <summary>The name of the interface, else its number; empty if there is none.</summary>
    public static object? Interface(PSObject item) =>
        Value(item, "InterfaceName") is string { Length: > 0 } name ? name
        : Value(item, "InterfaceIndex") is > 0 and int index ? index : "";

    /// <summary>The name of the process that holds a socket; in brackets what else does, which no process is called without an id.</summary>
    public static object? Holder(PSObject item) => Value(item, "ProcessId") is null ? $"[{Value(item, "HeldBy")}]" : Value(item, "Comm");

    /// <summary>All processes that hold a socket, each with its descriptor.</summary>
    public static string Holders(PSObject item) => string.Join(
        ' ',
        Items(item, "Owners").Select(o => Member(o, "ProcessId") is null ? $"{o}" : $"{Member(o, "Comm")}[{Member(o, "ProcessId")}]:{Member(o, "FileDescriptor")}"));

    /// <summary>Until when something lasted: the time, or the date if that is not the one on which it began.</summary>
    public static string Until(PSObject item) => Value(item, "Until") is not DateTime until ? ""
        : until.ToString(Value(item, "Time") is DateTime time && time.Date == until.Date ? "HH:mm:ss" : "MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Whether a port was held; of a gap that it is one.</summary>
    public static object? Held(PSObject item) => Value(item, "Held") ?? Value(item, "Kind");

    /// <summary>How many connections wait, of how many that may; empty if the socket does not listen.</summary>
    public static string Backlog(PSObject item) => Value(item, "Backlog") is { } backlog ? $"{backlog}/{Value(item, "BacklogLimit")}" : "";

    /// <summary>Seconds, to the microsecond as long as the column has room for it.</summary>
    public static string Seconds(PSObject item) =>
        Value(item, "ElapsedSeconds") is double elapsed
            ? elapsed.ToString(elapsed < LongTime ? "f6" : "f3", CultureInfo.InvariantCulture)
            : "";

    /// <summary>All of Get-BindTraceSupport, in lines no longer than the host's.</summary>
    public static string Support(PSObject item, PSHost host) => Support(item, Width(host));

    /// <summary>The same, with what was compared.</summary>
    public static string SupportInDetail(PSObject item, PSHost host) => Support(item, Width(host), detailed: true);

    /// <summary>The same, for a width.</summary>
    public static string Support(PSObject item, int width, bool detailed = false)
    {
        string Text(object? target, string property) => $"{Member(target, property)}";

        object?[] backends = [.. Items(item, "Backends")];
        TraceSupport support = new()
        {
            Kernel = Text(item, "Kernel"),
            Architecture = Text(item, "Architecture"),
            Btf = Value(item, "Btf") is true,
            LibBpfVersion = Text(item, "LibBpfVersion"),
            LibBpfPath = Text(item, "LibBpfPath"),
            Jit = Text(item, "Jit"),
            Capabilities = [.. Items(item, "Capabilities").Select(c => $"{c}")],
            Lockdown = Text(item, "Lockdown"),
            MemoryLockLimit = Text(item, "MemoryLockLimit"),
            CgroupMountPoint = Text(item, "CgroupMountPoint"),
            Backends =
            [
                .. from backend in backends
                   where Member(backend, "Usable") is bool
                   select new BackendSupport(
                       Enum.TryParse(Text(backend, "Backend"), out Backend known) ? known : default,
                       Member(backend, "Usable") is true,
                       Member(backend, "Proven") as bool?,
                       Text(backend, "Reason"),
                       Text(backend, "Remedy"),
                       Text(backend, "Blind"))
                   {
                       Proofs =
                       [
                           .. from proof in Items(backend, "Proofs")
                              where Member(proof, "Calls") is int
                              select new BackendProof(
                                  Text(proof, "Call"), Member(proof, "Proven") as bool?, (int)Member(proof, "Calls")!, [.. Items(proof, "Fields").Select(f => $"{f}")],
                                  Text(proof, "Reason")),
                       ],
                   },
            ],
        };

        // Too deep for how they were serialized: only their text is left.
        IEnumerable<string> texts = backends.Where(b => Member(b, "Usable") is not bool).Select(b => $"{b}");
        return string.Join(Environment.NewLine, texts.Prepend(SupportReport.Make(support, width, detailed)));
    }

    private static int Width(PSHost host)
    {
        const int Usual = 80;
        try
        {
            // The last column stays free, as in PowerShell's own views.
            return host.UI?.RawUI?.BufferSize.Width is > 2 * SupportReport.Indent and int width ? width - 1 : Usual;
        }
        catch (Exception e) when (e is HostException or NotImplementedException or IOException)
        {
            return Usual;
        }
    }

    private static IEnumerable<object?> Items(object? item, string property) =>
        Member(item, property) is IEnumerable items and not string ? items.Cast<object?>() : [];

    private static object? Styled(PSObject item, string property, string? kind, PSHost host, object style)
    {
        object? value = Value(item, property);
        kind = Failed(item) ? "Error" : kind;
        return kind is null ? value : Paint(value, kind, host, style);
    }

    private static object? Paint(object? value, string kind, PSHost host, object style) =>
        CanPaint(host, Member(style, "OutputRendering")?.ToString()) && Member(Member(style, "Formatting"), kind) is string { Length: > 0 } begin
            ? $"{begin}{value}{Member(style, "Reset")}"
            : value;

    // PowerShell itself takes colours out on the way to files and strings, but not when its own output is redirected.
    private static bool CanPaint(PSHost host, string? rendering) =>
        rendering == "Ansi" ||
        (rendering == "Host" && host.UI?.SupportsVirtualTerminal == true && !(host.Name == "ConsoleHost" && Console.IsOutputRedirected));

    private static bool Failed(PSObject item) => Value(item, "ErrorCode") is int and not 0;

    private static object? Value(PSObject item, string property) => Member(item, property);

    // $PSStyle is of a type that the reference library does not know yet.
    private static object? Member(object? target, string name) =>
        target is null ? null
        : PSObject.AsPSObject(target).Properties[name]?.Value is var value && value is PSObject { BaseObject: not PSCustomObject } wrapped
            ? wrapped.BaseObject
            : value;
}

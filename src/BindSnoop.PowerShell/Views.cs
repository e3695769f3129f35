using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Text;

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

    private const int FactIndent = 15;

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

    /// <summary>How many connections wait, of how many that may; empty if the socket does not listen.</summary>
    public static string Backlog(PSObject item) => Value(item, "Backlog") is { } backlog ? $"{backlog}/{Value(item, "BacklogLimit")}" : "";

    /// <summary>Seconds, to the microsecond as long as the column has room for it.</summary>
    public static string Seconds(PSObject item) =>
        Value(item, "ElapsedSeconds") is double elapsed
            ? elapsed.ToString(elapsed < LongTime ? "f6" : "f3", CultureInfo.InvariantCulture)
            : "";

    /// <summary>All of Get-BindTraceSupport, in lines no longer than the host's.</summary>
    public static string Support(PSObject item, PSHost host) => Support(item, Width(host));

    /// <summary>The same, for a width.</summary>
    public static string Support(PSObject item, int width)
    {
        StringBuilder text = new();
        void Line(string label, object? value) => AppendWrapped(text, label.PadRight(FactIndent), $"{value}", width);
        string Or(string property, string otherwise) => Value(item, property) is string { Length: > 0 } value ? value : otherwise;

        string capabilities = string.Join(", ", Items(item, "Capabilities"));
        Line("Kernel", $"{Value(item, "Kernel")} on {Value(item, "Architecture")}");
        Line("Kernel types", Value(item, "Btf") is true ? "described (BTF)" : "not described (no BTF)");
        Line("libbpf", Or("LibBpfVersion", "not installed"));
        Line("BPF compiler", Value(item, "Jit"));
        Line("Capabilities", capabilities.Length > 0 ? capabilities : "none of those that matter");
        Line("Lockdown", Or("Lockdown", "none"));
        Line("Locked memory", long.TryParse(Value(item, "MemoryLockLimit") as string, out long limit) ? $"at most {limit} bytes" : Or("MemoryLockLimit", "unknown"));
        Line("Cgroup v2", Or("CgroupMountPoint", "not mounted"));

        text.AppendLine();
        text.AppendLine("Back end    Usable");
        foreach (object? backend in Items(item, "Backends"))
        {
            if (Member(backend, "Usable") is not bool usable)
            {
                // Too deep for how it was serialized: only its text is left.
                text.Append(backend).AppendLine();
                continue;
            }

            string begin = $"{Member(backend, "Backend"),-12}{(usable ? "yes" : "no"),-8}";
            string blind = $"{Member(backend, "Blind")}";
            AppendWrapped(text, begin, usable ? (blind.Length > 0 ? $"Does not see {char.ToLowerInvariant(blind[0])}{blind[1..]}" : "") : $"{Member(backend, "Reason")}", width);
            if (Member(backend, "Remedy") is string { Length: > 0 } remedy)
            {
                AppendWrapped(text, new string(' ', begin.Length), $"What to do: {remedy}", width);
            }
        }

        return text.ToString().TrimEnd();
    }

    private static int Width(PSHost host)
    {
        const int Usual = 80;
        try
        {
            // The last column stays free, as in PowerShell's own views.
            return host.UI?.RawUI?.BufferSize.Width is > 2 * FactIndent and int width ? width - 1 : Usual;
        }
        catch (Exception e) when (e is HostException or NotImplementedException or IOException)
        {
            return Usual;
        }
    }

    /// <summary>Breaks lines between words; the lines after the first are indented as far as its label.</summary>
    private static void AppendWrapped(StringBuilder text, string label, string value, int width)
    {
        int length = label.Length;
        text.Append(value.Length > 0 ? label : label.TrimEnd());
        bool first = true;
        foreach (string word in value.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!first && length + 1 + word.Length > width)
            {
                text.AppendLine().Append(' ', label.Length);
                length = label.Length;
                first = true;
            }

            text.Append(first ? "" : " ").Append(word);
            length += word.Length + (first ? 0 : 1);
            first = false;
        }

        text.AppendLine();
    }

    private static IEnumerable<object?> Items(PSObject item, string property) =>
        Value(item, property) is IEnumerable items and not string ? items.Cast<object?>() : [];

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

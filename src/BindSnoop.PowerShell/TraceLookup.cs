using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Finds background traces by name.</summary>
internal static class TraceLookup
{
    /// <summary>The traces that any of the names or patterns fits, oldest first; a name that fits none is an error.</summary>
    public static IEnumerable<BindTrace> ByName(Cmdlet cmdlet, IReadOnlyList<string> names)
    {
        IReadOnlyList<BindTrace> traces = BindSnoopModule.Registry.Traces;
        HashSet<BindTrace> found = [];
        foreach (string name in names)
        {
            WildcardPattern pattern = new(name, WildcardOptions.IgnoreCase);
            List<BindTrace> matches = [.. traces.Where(t => pattern.IsMatch(t.Name))];
            if (matches.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                string known = string.Join(", ", traces.Select(t => $"'{DisplayText.Escape(t.Name)}'"));
                cmdlet.WriteError(new ErrorRecord(
                    new ItemNotFoundException($"There is no trace named '{DisplayText.Escape(name)}'."), "TraceNotFound", ErrorCategory.ObjectNotFound, name)
                {
                    ErrorDetails = new ErrorDetails($"There is no trace named '{DisplayText.Escape(name)}'.")
                    {
                        RecommendedAction = known.Length > 0 ? $"The traces are {known}." : "No traces exist; Start-BindTrace starts one.",
                    },
                });
            }

            found.UnionWith(matches);
        }

        return traces.Where(found.Contains);
    }

    /// <summary>The error for a trace that no longer has what was requested.</summary>
    public static TraceException Removed(BindTrace trace) =>
        new(
            "TraceRemoved",
            TraceErrorKind.InvalidOperation,
            $"The trace '{DisplayText.Escape(trace.Name)}' was removed with everything it had collected.",
            "Fetch what a trace has collected before you remove it.",
            trace.Name);

    /// <summary>The error for a trace without events.</summary>
    public static TraceException NotCollecting(BindTrace trace) =>
        new(
            "NotCollecting",
            TraceErrorKind.InvalidOperation,
            $"The trace '{DisplayText.Escape(trace.Name)}' counts calls and collects no events.",
            "Read its counts with Get-BindCount -Trace, or start it with -Mode Event.",
            trace.Name);
}

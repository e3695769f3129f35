namespace BindSnoop.Reports;

/// <summary>Who made calls.</summary>
/// <param name="Program">The thread's name.</param>
/// <param name="User">The user's name, else the number.</param>
/// <param name="Owner">The container, else the unit; empty if there is none.</param>
internal sealed record ReportCaller(string Program, string User, string Owner);

/// <summary>What was called for what.</summary>
/// <param name="Call">The system call, as people say it.</param>
/// <param name="Protocol">The protocol.</param>
/// <param name="Address">The address; empty if there is none.</param>
internal sealed record ReportTarget(string Call, string Protocol, string Address);

/// <summary>How calls ended.</summary>
/// <param name="Error">The error's name; empty on success.</param>
/// <param name="Cause">Why; empty if it is not known.</param>
internal sealed record ReportOutcome(string Error, string Cause);

/// <summary>One event of the list.</summary>
/// <param name="Time">In milliseconds since 1970; null: not known.</param>
internal readonly record struct ReportEvent(long? Time, ReportCaller Caller, ReportTarget Target, ReportOutcome Outcome, int Port, long ProcessId);

/// <summary>A socket of the snapshot.</summary>
internal sealed record ReportSocket(
    string Protocol, string Address, int Port, string Service, string State, string Programs, string User, string Owner, long? Backlog, long? BacklogLimit, string Inode, string Network);

/// <summary>Calls that failed for the same cause.</summary>
internal sealed class ReportFailures
{
    private const int MostNames = 200;

    public long Count { get; set; }

    public long? Last { get; set; }

    public string Explanation { get; set; } = "";

    public NameCounts Programs { get; } = new(MostNames);

    public NameCounts Endpoints { get; } = new(MostNames);

    public NameCounts Holders { get; } = new(MostNames);
}

/// <summary>A port that a program took while events were recorded.</summary>
internal sealed class ReportOpened
{
    public long Count { get; set; }

    public long? First { get; set; }

    public HashSet<string> Inodes { get; } = [];
}

/// <summary>What was bound: the key of <see cref="ReportOpened"/>.</summary>
internal sealed record ReportClaim(string Protocol, string Address, int Port, ReportCaller Caller);

/// <summary>What a policy does not allow.</summary>
internal sealed record ReportViolation(string Rule, string Reason, string Program, string User, string Owner, string Protocol, string Address, int Port, string Error);

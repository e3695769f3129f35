using System.Globalization;
using BindSnoop.Input;
using static BindSnoop.Reports.RowText;

namespace BindSnoop.Reports;

/// <summary>What a policy decides about the calls of a report, and the violations that were given.</summary>
internal sealed class ReportJudgement(BindPolicy? policy)
{
    /// <summary>What binds are judged by; null: by nothing.</summary>
    public BindPolicy? Policy => policy;

    /// <summary>What was judged; null without a policy.</summary>
    public JudgedCalls? Calls { get; } = policy is null ? null : new(policy);

    public Dictionary<ReportViolation, long> Violations { get; } = [];

    public long ViolationCount { get; private set; }

    /// <summary>Calls that could not be judged.</summary>
    public long NotJudged { get; private set; }

    /// <summary>Judges a call.</summary>
    public void Judge(BindFacts call)
    {
        if (policy is not null && Calls!.Add(call.Call) && policy.Judge(call) is { } violation)
        {
            Add(violation);
        }
    }

    /// <summary>Judges a call that was read.</summary>
    /// <param name="row">The call.</param>
    /// <param name="what">What to call it in messages.</param>
    public void Judge(InputRow row, string what)
    {
        if (policy is null)
        {
            return;
        }

        try
        {
            Judge(FactsReader.Read(row, what));
        }
        catch (TraceException)
        {
            NotJudged++;
        }
    }

    /// <summary>Adds a violation that was given.</summary>
    public void AddViolation(InputRow row) => Add(new ReportViolation(
        Cut(row.Text(nameof(BindViolation.Rule))),
        Cut(row.Text(nameof(BindViolation.Reason))),
        Cut(row.Text(nameof(BindViolation.Comm))),
        UserOf(row),
        OwnerOf(row),
        Cut(row.Text(nameof(BindViolation.Protocol))),
        Cut(row.Text(nameof(BindViolation.Address))),
        row.Number(nameof(BindViolation.RequestedPort)) == 0 ? 0 : PortOf(row, nameof(BindViolation.Port)),
        Cut(row.Text(nameof(BindViolation.ErrorName)))));

    private void Add(BindViolation violation) => Add(new ReportViolation(
        violation.Rule,
        violation.Reason,
        Cut(violation.Comm),
        Cut(violation.UserName.Length > 0 ? violation.UserName : violation.Uid?.ToString(CultureInfo.InvariantCulture)),
        OwnerOf(violation.PodName, violation.ContainerName, violation.ContainerId, violation.Unit),
        violation.Protocol,
        violation.Address ?? "",
        violation.RequestedPort == 0 ? 0 : violation.Port,
        violation.ErrorName));

    private void Add(ReportViolation violation)
    {
        ViolationCount++;
        if (Violations.ContainsKey(violation) || Violations.Count < BindReport.MostRows)
        {
            Violations[violation] = Violations.GetValueOrDefault(violation) + 1;
        }
    }
}

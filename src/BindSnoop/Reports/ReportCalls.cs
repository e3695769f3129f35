using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Input;
using static BindSnoop.Reports.RowText;

namespace BindSnoop.Reports;

/// <summary>The calls of a report: how many, when, whose, and how they ended.</summary>
internal sealed class ReportCalls
{
    /// <summary>The most events that the page lists one by one.</summary>
    public const int MostEvents = 100_000;

    private const int MostNames = 5000;
    private const int MostCauses = 64;
    private const int MostKnown = 65_536;
    private const int MostInodes = 100;
    private const string Chosen = "port of the kernel's choice";

    private readonly HashSet<object> _known = [];
    private readonly Queue<ReportEvent> _events = new();

    public IReadOnlyCollection<ReportEvent> Events => _events;

    public long[] Totals { get; } = new long[Enum.GetValues<Counted>().Length];

    /// <summary>All events, of which the last <see cref="MostEvents"/> are kept.</summary>
    public long EventCount { get; private set; }

    /// <summary>Sockets that were bound when their trace began; they are no calls.</summary>
    public long ExistingCount { get; private set; }

    /// <summary>Binds that were counted in the kernel, without their times.</summary>
    public long KernelCount { get; private set; }

    public long? First { get; private set; }

    public long? Last { get; private set; }

    public Timeline Timeline { get; } = new();

    public Timeline Causes { get; } = new();

    public NameCounts Programs { get; } = new(MostNames);

    public NameCounts Ports { get; } = new(MostNames);

    public NameCounts Users { get; } = new(MostNames);

    public NameCounts Owners { get; } = new(MostNames);

    public Dictionary<string, ReportFailures> Failures { get; } = [];

    /// <summary>Ports that were requested and taken, or listened on.</summary>
    public Dictionary<ReportClaim, ReportOpened> Opened { get; } = [];

    public long NotOpened { get; private set; }

    /// <summary>Adds an event.</summary>
    /// <param name="call">The system call, as people say it.</param>
    public void Add(InputRow row, string call)
    {
        bool isAccept = call == AcceptEvent.Definition.Call;
        ReportCaller caller = Same(new ReportCaller(Cut(row.Text(nameof(TraceEvent.Comm))), UserOf(row), OwnerOf(row)));
        string error = Cut(row.Text(nameof(TraceEvent.ErrorName)));
        error = error.Length == 0 && row.Number(nameof(TraceEvent.ErrorCode)) is > 0 and long code ? code.ToString(CultureInfo.InvariantCulture) : error;
        string cause = BindCause.Parse(row.Text(nameof(BindEvent.Cause)) ?? "") ?? "";
        bool existing = row.Flag(nameof(BindEvent.Existing));
        string address = Cut(row.Text(isAccept ? nameof(AcceptEvent.LocalAddress) : nameof(BindEvent.Address)));
        ReportEvent next = new(
            TimeOf(row),
            caller,
            Same(new ReportTarget(existing ? "bound before" : call, Cut(row.Text(nameof(BindEvent.Protocol))), address)),
            Same(new ReportOutcome(error, cause)),
            PortOf(row, isAccept ? nameof(AcceptEvent.LocalPort) : nameof(BindEvent.Port)),
            row.Number(nameof(TraceEvent.ProcessId)) ?? 0);
        EventCount++;
        _events.Enqueue(next);
        if (_events.Count > MostEvents)
        {
            _events.Dequeue();
        }

        if (existing)
        {
            ExistingCount++;
            return;
        }

        Counted counted = error.Length > 0 ? Counted.Failure : call switch { "accept" => Counted.Accept, "listen" => Counted.Listen, "release" => Counted.Release, _ => Counted.Bind };
        Totals[(int)counted]++;
        Programs.Add(caller.Program, counted);
        Users.Add(caller.User, counted);
        Owners.Add(caller.Owner, counted);
        bool wasChosen = counted == Counted.Bind && row.Number(nameof(BindEvent.RequestedPort)) == 0;
        Ports.Add(wasChosen ? $"{next.Target.Protocol} {Chosen}" : $"{next.Target.Protocol} {next.Port.ToString(CultureInfo.InvariantCulture)}", counted);
        if (next.Time is { } time)
        {
            First = First is { } first ? Math.Min(first, time) : time;
            Last = Last is { } last ? Math.Max(last, time) : time;
            Timeline.Add(time, counted.ToString());
        }

        if (counted == Counted.Failure)
        {
            AddFailure(row, next);
        }
        else if (next.Port != 0 && (counted == Counted.Listen || (counted == Counted.Bind && !wasChosen)))
        {
            AddOpened(row, next);
        }
    }

    /// <summary>Adds what was counted in the kernel.</summary>
    public void AddCount(InputRow row)
    {
        long count = row.Number(nameof(BindCount.Count)) ?? 0;
        string error = Cut(row.Text(nameof(BindCount.ErrorName)));
        KernelCount += count;
        Ports.Add(
            $"{Cut(row.Text(nameof(BindCount.Protocol)))} {PortOf(row, nameof(BindCount.Port)).ToString(CultureInfo.InvariantCulture)}",
            error.Length > 0 ? Counted.Failure : Counted.Bind,
            count);
    }

    /// <summary>The same object for the same values, so that a list of events takes little memory.</summary>
    private T Same<T>(T value)
        where T : class
    {
        if (_known.TryGetValue(value, out object? known))
        {
            return (T)known;
        }

        if (_known.Count == MostKnown)
        {
            _known.Clear();
        }

        _known.Add(value);
        return value;
    }

    private void AddFailure(InputRow row, ReportEvent next)
    {
        string name = next.Outcome.Cause.Length > 0 ? $"{next.Outcome.Cause} ({next.Outcome.Error})" : next.Outcome.Error;
        if (!Failures.TryGetValue(name, out ReportFailures? failures))
        {
            name = Failures.Count < MostCauses ? name : "other";
            if (!Failures.TryGetValue(name, out failures))
            {
                Failures[name] = failures = new();
            }
        }

        failures.Count++;
        failures.Last = next.Time ?? failures.Last;
        failures.Explanation = row.Text(nameof(BindEvent.Explanation)) is { Length: > 0 } explanation ? Cut(explanation, 3 * MostText) : failures.Explanation;
        failures.Programs.Add(next.Caller.Program, Counted.Failure);
        failures.Endpoints.Add(EndpointOf(next.Target.Protocol, next.Target.Address, next.Port), Counted.Failure);
        foreach (InputRow holder in row.Items(nameof(BindEvent.Holders)))
        {
            failures.Holders.Add(HolderOf(holder), Counted.Failure);
        }

        if (next.Time is { } time)
        {
            Causes.Add(time, name);
        }
    }

    private void AddOpened(InputRow row, ReportEvent next)
    {
        ReportClaim claim = new(next.Target.Protocol, next.Target.Address, next.Port, next.Caller);
        if (!Opened.TryGetValue(claim, out ReportOpened? opened))
        {
            if (Opened.Count == BindReport.MostRows)
            {
                NotOpened++;
                return;
            }

            Opened[claim] = opened = new();
        }

        opened.Count++;
        opened.First = opened.First is { } first && next.Time is { } time ? Math.Min(first, time) : opened.First ?? next.Time;
        if (row.Text(nameof(TraceEvent.Inode)) is { Length: > 0 } inode && opened.Inodes.Count < MostInodes)
        {
            opened.Inodes.Add(inode);
        }
    }
}

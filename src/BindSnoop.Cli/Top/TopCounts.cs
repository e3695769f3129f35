using System.Globalization;
using BindSnoop.Host;

namespace BindSnoop.Cli.Top;

/// <summary>What rows stand for.</summary>
internal enum TopView
{
    Program,
    Port,
    Container,
}

/// <summary>What is counted of each row.</summary>
internal enum TopColumn
{
    Calls,
    Binds,
    Failed,
    Listens,
    Accepts,
    Last,
    Name,
}

/// <summary>One row.</summary>
internal sealed class TopRow(string name)
{
    /// <summary>The program, the protocol and port, or the container or unit; safe to print.</summary>
    public string Name { get; } = name;

    /// <summary>Calls, by column.</summary>
    public long[] Counts { get; } = new long[(int)TopColumn.Accepts + 1];

    /// <summary>When the last call was.</summary>
    public DateTime Last { get; set; }

    /// <summary>What the last call was about: the end it was for or the program that made it, and its error.</summary>
    public string Detail { get; set; } = "";
}

/// <summary>
/// Counts calls for the screen. Safe from any thread. Others choose the names, so there are never more rows than
/// <see cref="MostRows"/> of a kind: then those with the fewest calls go, and are counted together.
/// </summary>
internal sealed class TopCounts
{
    /// <summary>The most rows of one kind.</summary>
    public const int MostRows = 4096;

    private const int ShortId = 12;

    private readonly object _lock = new();
    private readonly Dictionary<string, TopRow>[] _rows = [.. Enum.GetValues<TopView>().Select(_ => new Dictionary<string, TopRow>(StringComparer.Ordinal))];
    private readonly long[] _forgotten = new long[Enum.GetValues<TopView>().Length];
    private readonly TopRow _total = new("");

    /// <summary>Called on the thread that counts, when something was counted since <see cref="Read"/>.</summary>
    public Action? OnChange { get; set; }

    /// <summary>Calls that were lost.</summary>
    public long Lost { get; private set; }

    private bool IsChanged { get; set; }

    /// <summary>Counts a call.</summary>
    public void Add(TraceEvent next)
    {
        (int _, string _, int port) = next.LocalEnd;
        (string protocol, string? end) = next switch
        {
            BindEvent bind => (bind.Protocol, bind.Endpoint),
            ListenEvent listen => (listen.Protocol, listen.Endpoint),
            AcceptEvent accept => (accept.Protocol, accept.LocalEndpoint),
            _ => ("", null),
        };
        TopColumn column = next.ErrorCode != 0 ? TopColumn.Failed : next switch { ListenEvent => TopColumn.Listens, AcceptEvent => TopColumn.Accepts, _ => TopColumn.Binds };
        string error = next.ErrorCode == 0 ? "" : $" {next.ErrorName}";
        bool wasChosen = next is BindEvent { RequestedPort: 0, ErrorCode: 0 };
        string portName = wasChosen ? $"{protocol} kernel's choice" : string.Create(CultureInfo.InvariantCulture, $"{protocol} {port}");
        string? pod = next.PodName is { Length: > 0 } ? $"{next.PodNamespace}/{next.PodName}" : null;
        string? owner = new[] { pod, next.ContainerName, next.ContainerId, next.UserContainerId, next.Unit, next.UserUnit }.FirstOrDefault(o => !string.IsNullOrEmpty(o));
        lock (_lock)
        {
            Count(_total, column, next.Time, "");
            Count(TopView.Program, next.Comm, column, next.Time, $"{protocol} {end}{error}");
            Count(TopView.Port, portName, column, next.Time, $"{next.Comm}[{next.ProcessId.ToString(CultureInfo.InvariantCulture)}]{error}");
            Count(TopView.Container, owner is not null && Containers.IsEngineId(owner) ? owner[..ShortId] : owner ?? "(none)", column, next.Time, $"{next.Comm}: {protocol} {end}{error}");
        }

        Change();
    }

    /// <summary>Says that more calls were lost.</summary>
    public void AddLost(long more)
    {
        lock (_lock)
        {
            Lost += more;
        }

        Change();
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            Array.ForEach(_rows, r => r.Clear());
            Array.Clear(_forgotten);
            Array.Clear(_total.Counts);
        }
    }

    /// <summary>The rows whose name or detail has the text, in the order of a column; and the totals.</summary>
    public (IReadOnlyList<TopRow> Rows, TopRow Total, long Forgotten) Read(TopView view, TopColumn order, string filter)
    {
        lock (_lock)
        {
            IsChanged = false;
            IEnumerable<TopRow> rows = _rows[(int)view].Values.Where(r => filter.Length == 0 || r.Name.Contains(filter, StringComparison.OrdinalIgnoreCase) || r.Detail.Contains(filter, StringComparison.OrdinalIgnoreCase));
            rows = order switch
            {
                TopColumn.Name => rows.OrderBy(r => r.Name, StringComparer.OrdinalIgnoreCase),
                TopColumn.Last => rows.OrderByDescending(r => r.Last).ThenBy(r => r.Name, StringComparer.Ordinal),
                _ => rows.OrderByDescending(r => r.Counts[(int)order]).ThenByDescending(r => r.Last).ThenBy(r => r.Name, StringComparer.Ordinal),
            };
            return ([.. rows.Select(Copy)], Copy(_total), _forgotten[(int)view]);
        }
    }

    private static TopRow Copy(TopRow row)
    {
        TopRow copy = new(row.Name) { Last = row.Last, Detail = row.Detail };
        row.Counts.CopyTo(copy.Counts, 0);
        return copy;
    }

    private static void Count(TopRow row, TopColumn column, DateTime time, string detail)
    {
        row.Counts[(int)TopColumn.Calls]++;
        row.Counts[(int)column]++;
        if (time >= row.Last)
        {
            row.Last = time;
            row.Detail = detail;
        }
    }

    private void Count(TopView view, string name, TopColumn column, DateTime time, string detail)
    {
        Dictionary<string, TopRow> rows = _rows[(int)view];
        if (!rows.TryGetValue(name, out TopRow? row))
        {
            if (rows.Count == MostRows)
            {
                foreach (TopRow least in rows.Values.OrderBy(r => r.Counts[(int)TopColumn.Calls]).ThenBy(r => r.Last).Take(MostRows / 2).ToList())
                {
                    rows.Remove(least.Name);
                    _forgotten[(int)view] += least.Counts[(int)TopColumn.Calls];
                }
            }

            rows[name] = row = new(name);
        }

        Count(row, column, time, detail);
    }

    private void Change()
    {
        lock (_lock)
        {
            if (IsChanged)
            {
                return;
            }

            IsChanged = true;
        }

        OnChange?.Invoke();
    }
}

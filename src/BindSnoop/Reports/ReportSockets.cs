using BindSnoop.Input;
using static BindSnoop.Reports.RowText;

namespace BindSnoop.Reports;

/// <summary>The sockets of a report.</summary>
internal sealed class ReportSockets
{
    private const int MostPrograms = 100;

    /// <summary>Whether sockets were added, of which there may be none.</summary>
    public bool IsGiven { get; set; }

    /// <summary>The first of them.</summary>
    public List<ReportSocket> Listed { get; } = [];

    public long Count { get; private set; }

    /// <summary>Adds one.</summary>
    public void Add(InputRow row)
    {
        IsGiven = true;
        Count++;
        if (Listed.Count == BindReport.MostRows)
        {
            return;
        }

        IReadOnlyList<InputRow> owners = row.Items(nameof(BindSocket.Owners));
        string programs = owners.Count > 0
            ? string.Join(", ", owners.Take(MostPrograms).Select(o => $"{Cut(o.Text(nameof(SocketOwner.Comm)))}[{Cut(o.Text(nameof(SocketOwner.ProcessId)))}]").Distinct())
            : row.Text(nameof(BindSocket.ProcessId)) is { Length: > 0 } pid ? $"{Cut(row.Text(nameof(BindSocket.Comm)))}[{Cut(pid)}]"
            : $"[{Cut(row.Text(nameof(BindSocket.HeldBy)))}]";
        int port = PortOf(row, nameof(BindSocket.Port));
        Listed.Add(new(
            Cut(row.Text(nameof(BindSocket.Protocol))),
            Cut(row.Text(nameof(BindSocket.Address))),
            port,
            row.Number(nameof(BindSocket.ProtocolNumber)) is <= ushort.MaxValue and long protocol ? Names.Services.NameOf(port, (int)protocol) : "",
            Cut(row.Text(nameof(BindSocket.State))),
            Cut(programs, 2 * MostText),
            UserOf(row),
            OwnerOf(row),
            row.Number(nameof(BindSocket.Backlog)),
            row.Number(nameof(BindSocket.BacklogLimit)),
            row.Text(nameof(BindSocket.Inode)) ?? "",
            Cut(row.Text(nameof(BindSocket.NetworkNamespace)))));
    }
}

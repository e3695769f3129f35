using BindSnoop.Input;

namespace BindSnoop.Records;

/// <summary>
/// Answers questions from a record. An answer also says what is unknown: the gaps that it overlaps are among what is
/// found.
/// </summary>
internal sealed class RecordReader : IDisposable
{
    private const string Yes = "Yes";
    private const string Maybe = "Maybe";
    private const long TicksPerMicrosecond = TimeSpan.TicksPerMicrosecond;

    private readonly string _path;
    private readonly RecordDatabase _database;
    private readonly RecordTimeline _timeline;
    private readonly string _host;
    private readonly long _horizon;
    private readonly long _alive;
    private readonly long _seen;
    private readonly RecordQueries _queries;
    private readonly RecordGapReader _gaps;

    /// <summary>Opens a record.</summary>
    /// <exception cref="TraceException"><c>RecordNotFound</c>, <c>RecordNotReadable</c>, <c>NotARecord</c>, <c>RecordTooNew</c>.</exception>
    public RecordReader(string path)
    {
        _path = path;
        _database = RecordFile.OpenForReading(path);
        try
        {
            // A snapshot of one moment, whatever is written meanwhile.
            _database.Execute("BEGIN");
            _timeline = new RecordTimeline(_database);
            long began = 0;
            using (RecordStatement runs = _database.Prepare("SELECT id, began, alive, seen, host, blind FROM run ORDER BY id DESC"))
            {
                _host = "";
                HashSet<string> blind = [];
                for (bool isLast = true; runs.Step(); isLast = false)
                {
                    if (isLast)
                    {
                        (_alive, _seen, _host) = (runs.Number(2), runs.Number(3), runs.Text(4));
                    }

                    blind.Add(runs.Text(5));
                    began = runs.Number(0) == 1 ? runs.Number(1) : 0;
                }

                Blind = string.Join(' ', blind.Where(b => b.Length > 0));
            }

            _queries = new RecordQueries(_database);
            _horizon = Math.Max(began, _queries.Began);
            _gaps = new RecordGapReader(_database, _timeline, _host, _horizon, _alive);
        }
        catch (RecordDatabaseException exception)
        {
            _database.Dispose();
            throw RecordFile.NotReadable(path, exception.Message);
        }
        catch
        {
            _database.Dispose();
            throw;
        }
    }

    /// <summary>Which calls the recorder did not see, in any of its runs; empty if it saw all.</summary>
    public string Blind { get; }

    /// <summary>Answers a question: in the order of time, and gaps first where it is about a moment.</summary>
    /// <exception cref="TraceException"><c>RecordNotReadable</c>; what is wrong with the question.</exception>
    public IEnumerable<RecordedBind> Ask(RecordQuestion question)
    {
        question.Check();
        RecordMatch match = new(_database, question);
        IEnumerable<RecordedBind> found = question.At is { } at ? AskAt(match, question, ToMicroseconds(at)) : AskBetween(match, question);
        found = found.Concat(_gaps.Unnamed(match));
        using IEnumerator<RecordedBind> next = found.GetEnumerator();
        while (true)
        {
            try
            {
                if (!next.MoveNext())
                {
                    yield break;
                }
            }
            catch (RecordDatabaseException exception)
            {
                throw RecordFile.NotReadable(_path, exception.Message);
            }

            yield return next.Current;
        }
    }

    /// <summary>All there is, as rows; gaps are among them.</summary>
    /// <exception cref="TraceException"><c>RecordNotReadable</c>.</exception>
    public IEnumerable<InputRow> ReadAll() => Ask(new RecordQuestion()).Select(InputRow (found) => FieldRow.Of(found, RecordedBind.Description));

    public void Dispose()
    {
        _queries.Dispose();
        _database.Dispose();
    }

    private static long ToMicroseconds(DateTime time) => (time.ToUniversalTime() - DateTime.UnixEpoch).Ticks / TicksPerMicrosecond;

    private IEnumerable<RecordedBind> AskAt(RecordMatch match, RecordQuestion question, long utc)
    {
        bool wasThere = false;
        foreach ((long time, bool isSure) in _timeline.Find(utc))
        {
            wasThere = true;
            foreach (RecordedBind gap in _gaps.Within(time, time))
            {
                yield return gap;
            }

            if (time < _horizon)
            {
                continue;
            }

            foreach (RecordRow row in _queries.RowsHeldAround(question.Port, time).DistinctBy(r => r.Id).OrderBy(r => r.Id))
            {
                if (HeldAt(row, time) is { } held && Make(match, RecordKind.Bind, row, isSure ? held : Maybe) is { } found)
                {
                    yield return found;
                }
            }
        }

        if (!wasThere)
        {
            yield return _gaps.NeverShown(utc);
        }
    }

    private IEnumerable<RecordedBind> AskBetween(RecordMatch match, RecordQuestion question)
    {
        long from = question.From is { } first ? _timeline.FindFrom(ToMicroseconds(first)) : _horizon;
        long until = question.Until is { } last ? _timeline.FindUntil(ToMicroseconds(last)) : Math.Max(_alive, _horizon);
        foreach (RecordedBind gap in from <= until ? _gaps.Within(from, until) : [])
        {
            yield return gap;
        }

        from = Math.Max(from, _horizon);
        bool onlyFailures = question.Failed || question.Cause.Count > 0;
        if (!onlyFailures && from <= until)
        {
            foreach (RecordRow row in _queries.RowsHeldAround(question.Port, from).DistinctBy(r => r.Id).OrderBy(r => r.Id))
            {
                if (row.Id < from && HeldAt(row, from) is not null && Make(match, RecordKind.Bind, row, null) is { } found)
                {
                    yield return found;
                }
            }
        }

        RecordKind[] kinds = onlyFailures ? [RecordKind.Failure] : Enum.GetValues<RecordKind>();
        foreach ((RecordKind kind, RecordRow row) in _queries.RowsBetween(question.Port, kinds, from, until))
        {
            if (Make(match, kind, row, null) is { } found)
            {
                yield return found;
            }
        }

        if (!onlyFailures && from <= until)
        {
            foreach (RecordRow row in _queries.RowsFoundAfter(question.Port, until).OrderBy(r => r.Id))
            {
                if (Make(match, RecordKind.Bind, row, null) is { } found)
                {
                    yield return found;
                }
            }
        }
    }

    /// <summary>Whether a port was held at a moment: Yes, Maybe, or null for no.</summary>
    private string? HeldAt(in RecordRow row, long time)
    {
        long until = UntilOf(row, out long? gone);
        return time >= row.Id && (time < until || (time == until && row.IsOpen)) ? Yes
            : time >= row.Id - (row.Early ?? 0) && (gone is null || time < gone) ? Maybe
            : null;
    }

    private long UntilOf(in RecordRow row, out long? gone)
    {
        if (row.IsOpen)
        {
            gone = null;
            return Math.Max(row.Id, _seen);
        }

        gone = row.Id + row.Held + row.Gone;
        return row.Id + row.Held;
    }

    private RecordedBind? Make(RecordMatch match, RecordKind kind, in RecordRow row, string? held)
    {
        if (!match.IsWanted(row, out RecordWho who, out RecordWhat what))
        {
            return null;
        }

        int processId = row.ProcessId;
        DateTime time = _timeline.ToLocal(row.Id);
        switch (kind)
        {
            case RecordKind.Bind:
                long until = UntilOf(row, out long? gone);
                return new(RecordedBind.Bind, _host, time, who, what)
                {
                    Held = held,
                    EarliestTime = row.Early is { } early ? _timeline.ToLocal(row.Id - early) : null,
                    Until = _timeline.ToLocal(until),
                    LatestUntil = gone is { } latest ? _timeline.ToLocal(latest) : null,
                    Port = row.Port,
                    ProcessId = processId,
                    ThreadId = row.ThreadId,
                    Inode = row.Inode,
                };
            case RecordKind.Failure:
                return !match.IsWanted(row, out RecordFinding finding) ? null
                    : new(RecordedBind.Failure, _host, time, who, what)
                    {
                        Port = row.Port,
                        ProcessId = processId,
                        ThreadId = row.ThreadId,
                        Inode = row.Inode,
                        ErrorCode = (int)row.First,
                        Cause = finding.Cause,
                        Explanation = finding.Explanation,
                        Holders = finding.Holders is { } holders ? RecordHolder.Read(holders) : null,
                    };
            default:
                return new(RecordedBind.Listen, _host, time, who, what)
                {
                    Port = row.Port,
                    ProcessId = processId,
                    ThreadId = row.ThreadId,
                    Inode = row.Inode,
                    ErrorCode = (int)row.First,
                    Backlog = (int?)row.Second,
                    BacklogLimit = row.Third,
                };
        }
    }
}

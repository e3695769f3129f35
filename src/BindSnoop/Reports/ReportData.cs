using System.Buffers;
using System.Text;
using System.Text.Json;

namespace BindSnoop.Reports;

/// <summary>What the script of a report's page shows, as JSON that is safe within a script element: no character of HTML is left in it.</summary>
internal sealed class ReportData
{
    /// <summary>How many names of a kind are shown.</summary>
    public const int MostListed = 15;

    // Keeps the page below five megabytes, whatever the names.
    private const int MostEventBytes = 3_500_000;
    private const int BytesOfEvent = 32;

    private static readonly (Counted What, string Heading)[] s_headings =
    [
        (Counted.Bind, "Binds"),
        (Counted.Failure, "Failed"),
        (Counted.Listen, "Listens"),
        (Counted.Accept, "Accepts"),
        (Counted.Release, "Released"),
    ];

    /// <summary>Makes it of a report.</summary>
    public ReportData(BindReport report)
    {
        ArrayBufferWriter<byte> buffer = new();
        using Utf8JsonWriter json = new(buffer);
        json.WriteStartObject();
        json.WriteNumber("offset", (long)report.Made.Offset.TotalMinutes);
        WriteSeries(json, "timeline", report.Calls.Timeline, [.. Series(report).Select(c => (c.Heading, c.What.ToString()))]);
        WriteSeries(json, "causes", report.Calls.Causes, [.. report.Calls.Failures.OrderByDescending(f => f.Value.Count).Take(MostListed).Select(f => (f.Key, f.Key))]);
        Listed = WriteEvents(json, report.Calls.Events);
        json.WriteEndObject();
        json.Flush();
        Json = Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public string Json { get; }

    /// <summary>How many of the events are in it: the last ones.</summary>
    public int Listed { get; }

    /// <summary>What was counted at all, with its heading.</summary>
    public static IEnumerable<(Counted What, string Heading)> Series(BindReport report) => s_headings.Where(h => report.Calls.Totals[(int)h.What] > 0);

    private static void WriteSeries(Utf8JsonWriter json, string name, Timeline timeline, (string Label, string Series)[] series)
    {
        json.WriteStartObject(name);
        json.WriteNumber("start", timeline.IsEmpty ? 0 : timeline.Start);
        json.WriteNumber("step", timeline.Step);
        json.WriteStartArray("series");
        foreach ((string label, string key) in series)
        {
            json.WriteStartObject();
            json.WriteString("label", label);
            json.WriteStartArray("values");
            foreach (long value in timeline.Of(key))
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The events in the order of time, six numbers each: milliseconds since the one before (-1: no time), three numbers of names, port, process.</summary>
    private static int WriteEvents(Utf8JsonWriter json, IEnumerable<ReportEvent> events)
    {
        Names<ReportCaller> callers = new(c => [c.Program, c.User, c.Owner]);
        Names<ReportTarget> targets = new(t => [t.Call, t.Protocol, t.Address]);
        Names<ReportOutcome> outcomes = new(o => [o.Error, o.Cause]);
        List<(long Time, int Caller, int Target, int Outcome, int Port, long ProcessId)> list = [];
        foreach (ReportEvent next in events.Reverse())
        {
            list.Add((next.Time ?? -1, callers.NumberOf(next.Caller), targets.NumberOf(next.Target), outcomes.NumberOf(next.Outcome), next.Port, next.ProcessId));
            if (callers.Bytes + targets.Bytes + outcomes.Bytes + (list.Count * BytesOfEvent) > MostEventBytes)
            {
                break;
            }
        }

        list.Reverse();
        json.WriteStartObject("events");
        callers.Write(json, "callers");
        targets.Write(json, "targets");
        outcomes.Write(json, "outcomes");
        json.WriteStartArray("rows");
        long before = 0;
        foreach (var next in list.OrderBy(e => e.Time))
        {
            json.WriteNumberValue(next.Time < 0 ? -1 : next.Time - before);
            before = next.Time < 0 ? before : next.Time;
            json.WriteNumberValue(next.Caller);
            json.WriteNumberValue(next.Target);
            json.WriteNumberValue(next.Outcome);
            json.WriteNumberValue(next.Port);
            json.WriteNumberValue(next.ProcessId);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        return list.Count;
    }

    /// <summary>Numbers texts that repeat.</summary>
    private sealed class Names<T>(Func<T, string[]> texts)
        where T : notnull
    {
        private readonly Dictionary<T, int> _numbers = [];
        private readonly List<string[]> _texts = [];

        /// <summary>Their approximate size.</summary>
        public long Bytes { get; private set; }

        public int NumberOf(T value)
        {
            if (!_numbers.TryGetValue(value, out int number))
            {
                _numbers[value] = number = _texts.Count;
                string[] all = texts(value);
                _texts.Add(all);
                Bytes += all.Sum(t => JsonEncodedText.Encode(t).EncodedUtf8Bytes.Length + 4);
            }

            return number;
        }

        public void Write(Utf8JsonWriter json, string name)
        {
            json.WriteStartArray(name);
            foreach (string[] all in _texts)
            {
                json.WriteStartArray();
                foreach (string text in all)
                {
                    json.WriteStringValue(text);
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
        }
    }
}

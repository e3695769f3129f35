using System.Globalization;
using System.Text;

namespace BindSnoop.Bench;

/// <summary>Makes the table of all results in a folder: PLACE.tsv with what was measured, PLACE.txt with what it was measured on.</summary>
internal static class Report
{
    private static readonly string[] s_backends = ["fentry", "kprobe", "cgroup", "tracepoint"];

    // What bench/cost starts, and of them what is not ours, with what its column is headed by.
    private static readonly string[] s_tracers = ["nothing", "empty", "empties", "ring", "least", "count", "closed", "ours", "runtime", "native", "peer", "python", "bpftrace"];
    private static readonly (string Kind, string Heading)[] s_peers = [("peer", "libbpf-tools"), ("python", "bcc"), ("bpftrace", "bpftrace")];

    public static string Make(string folder)
    {
        StringBuilder text = new();
        Place[] places = [.. Directory.EnumerateFiles(folder, "*.tsv").Select(f => new Place(f)).OrderBy(p => p.Name != "host").ThenBy(p => p.Order)];
        text.AppendLine("# Measurements").AppendLine();
        text.AppendLine("Medians of alternating runs, with the smallest and largest values in brackets; lower is better. \"Added\" is the difference");
        text.AppendLine("from a bind with nothing attached, measured just before in the same round, and every ratio is taken within a round.");
        text.AppendLine("Figures without brackets were measured once; in virtual machines, these belong to tools that compile at startup.").AppendLine();
        foreach (Place place in places)
        {
            text.AppendLine($"- {place.Name}: {place.About}");
        }

        text.AppendLine();
        foreach (Place place in places)
        {
            Costs(text, place);
        }

        if (places.FirstOrDefault(p => p.Name == "host") is { } host)
        {
            Others(text, host);
        }

        Skips(text, places);
        return text.ToString();
    }

    private static void Costs(StringBuilder text, Place place)
    {
        foreach ((string load, string title, string suffix) in new[] { ("success", "binds that succeed", ""), ("failure", "binds that fail, traced with --errors", ",fail") })
        {
            string what = $"cost-{load}";
            Series nothing = place.Get(what, "nothing" + suffix);
            if (nothing.Count == 0)
            {
                continue;
            }

            // A tracer that compiles as it starts has both loads in one run.
            string[] variants = [.. place.Variants(what).Where(v => suffix.Length == 0 ? !v.Contains(',') && KindOf(v) != "count" : v.EndsWith(suffix, StringComparison.Ordinal) || KindOf(v) is "python" or "bpftrace")];
            (string Variant, string Heading)[] peers = PeersAmong(variants);
            Series Added(string variant) => place.Added(load, variant);

            text.AppendLine($"## Cost on {place.Name}: {title}").AppendLine();
            TableOf(text, ["attached", "ns per bind", "ns added", .. peers.Select(p => "added, relative to " + p.Heading), "lost"]);
            foreach (string variant in variants)
            {
                bool traced = KindOf(variant) != "nothing";
                string[] ratios = [.. peers.Select(p => traced ? Added(variant).With(Added(p.Variant), (a, b) => a / b).Text("0.00") : "")];
                Row(text, [NameOf(variant), place.Get(what, variant).Text("0"), traced ? Added(variant).Text("0") : "", .. ratios, place.Get($"lost-{load}", variant).Text("0")]);
            }

            text.AppendLine();
        }

        string[] backends = [.. s_backends.Where(b => place.Get("cost-success", $"ours-{b}").Count > 0)];
        if (backends.Length > 0)
        {
            Parts(text, place, backends);
        }

        OtherCalls(text, place);
        Starts(text, place);
    }

    private static void OtherCalls(StringBuilder text, Place place)
    {
        (string Load, string Title)[] loads = [("listen", "a listen()"), ("release", "a close() of a listening socket"), ("unbound", "a close() of a socket that was never bound")];
        if (loads.All(l => !place.Variants($"cost-{l.Load}").Any()))
        {
            return;
        }

        text.AppendLine($"## Cost on {place.Name}: listens and releases").AppendLine();
        TableOf(text, ["what", "attached", "ns without it", "ns added", "added, relative to a bind's event", "added, relative to an empty program", "lost"]);
        foreach ((string load, string title) in loads)
        {
            foreach (string variant in place.Variants($"cost-{load}"))
            {
                string backend = variant.Split(',')[0][KindOf(variant).Length..];
                Series added = place.Added(load, variant);
                string ofBind = added.With(place.Added("success", $"ours{backend}"), (a, b) => a / b).Text("0.00");
                string ofEmpty = KindOf(variant) == "ours" ? added.With(place.Added(load, $"closed{backend},unbound"), (a, b) => a / b).Text("0.00") : "";
                Row(text, [title, NameOf(variant), place.Get($"base-{load}", variant).Text("0"), added.Text("0"), ofBind, ofEmpty, place.Get($"lost-{load}", variant).Text("0")]);
            }
        }

        text.AppendLine();
    }

    private static void Parts(StringBuilder text, Place place, string[] backends)
    {
        text.AppendLine($"## Cost on {place.Name}: binds that are not sent, relative to a delivered bind").AppendLine();
        text.AppendLine("| back end | empty program | filtered by process | filtered by port | failed, without --errors | bare count | counted, port known | counted, port new |");
        text.AppendLine("|---|---|---|---|---|---|---|---|");
        foreach (string backend in backends)
        {
            Series emitted = place.Added("success", $"ours-{backend}");
            string Part(string variant, string load = "success") => place.Added(load, variant).With(emitted, (a, b) => a / b).Text("0.00");
            text.AppendLine($"| {backend} | {Part($"empty-{backend}")} | {Part($"ours-{backend},pid")} | {Part($"ours-{backend},port")} " +
                $"| {Part($"ours-{backend},ignored", "failure")} | {Part($"count-{backend}")} | {Part($"ours-{backend},count,known")} | {Part($"ours-{backend},count")} |");
        }

        text.AppendLine();
    }

    private static void Starts(StringBuilder text, Place place)
    {
        string[] started = [.. place.Variants("start").Where(v => KindOf(v) is "empty" or "runtime" or "native" or "ours" || s_peers.Any(p => p.Kind == KindOf(v))).Where(v => !v.Contains(','))];
        if (started.Length == 0)
        {
            return;
        }

        (string Variant, string Heading)[] peers = PeersAmong(started);
        text.AppendLine($"## Start on {place.Name}, milliseconds until attached").AppendLine();
        TableOf(text, ["tool", "ms", .. peers.Select(p => "relative to " + p.Heading)]);
        foreach (string variant in started)
        {
            Series start = place.Get("start", variant);
            Row(text, [NameOf(variant), start.Text("0"), .. peers.Select(p => start.With(place.Get("start", p.Variant), (a, b) => a / b).Text("0.000"))]);
        }

        text.AppendLine();
    }

    private static (string Variant, string Heading)[] PeersAmong(string[] variants) =>
        [.. s_peers.SelectMany(p => variants.Where(v => KindOf(v) == p.Kind).Select(v => (v, p.Heading)).Take(1))];

    private static void TableOf(StringBuilder text, string[] headings)
    {
        Row(text, headings);
        text.Append('|').Insert(text.Length, "---|", headings.Length).AppendLine();
    }

    private static void Row(StringBuilder text, string[] cells) => text.AppendLine($"| {string.Join(" | ", cells)} |");

    private static void Others(StringBuilder text, Place host)
    {
        (string What, string Format, string Title)[] rows =
        [
            ("loss-rate", "0", "full load: calls per second (higher is better)"),
            ("loss-lost", "0", "full load: calls without an event"),
            ("loss-dropped", "0", "full load: calls counted as dropped"),
            ("loss-disordered", "0", "full load: events out of order"),
            ("loss-disorder-ns", "0", "full load: out of order by at most, ns"),
            ("decode-rate", "0", "samples per second (higher is better)"),
            ("decode-bytes", "0", "bytes allocated per event"),
            ("throughput", "0", "events per second (higher is better)"),
            ("latency-median", "0.000", "latency, median, ms"),
            ("latency-99", "0.000", "latency, 99th percentile, ms"),
            ("latency-max", "0.000", "latency, largest, ms"),
            ("start", "0", "start, ms"),
            ("attached", "0.0", "until attached, ms"),
            ("start-over", "0", "start beyond that of pwsh alone, ms"),
            ("idle", "0.0", "wake-ups per second while nothing binds"),
            ("bpf-memory", "0", "BPF memory, KiB"),
            ("memory-some", "0.0", "MiB resident after 100,000 events"),
            ("memory-many", "0.0", "MiB resident after all events"),
            ("memory-ratio", "0.00", "ratio of the two"),
            ("owner-us", "0.00", "looking up an event's container, µs"),
            ("owner-mib", "0.00", "memory for containers' names, MiB"),
            ("sockets-ms", "0", "listing sockets, ms"),
            ("sockets-ratio", "0.00", "listing sockets, relative to this tool"),
            ("sockets-mib", "0.0", "listing sockets, MiB resident at most"),
            ("explained-median", "0.000", "until a failure is explained, median, ms"),
            ("explained-99", "0.000", "until a failure is explained, 99th percentile, ms"),
            ("explained-max", "0.000", "until a failure is explained, largest, ms"),
            ("failing-ns", "0", "a bind of a program that only fails, ns"),
            ("failing-rate", "#,0", "such binds a second"),
            ("failing-lost", "0", "such binds counted as dropped"),
            ("failing-missing", "0", "such binds without an event"),
            ("failing-explained", "#,0", "of such binds explained a second"),
            ("snapshot-cpu-ms", "0.0", "reading 65,536 counts, ms of processor time"),
            ("snapshot-ms", "0.0", "reading 65,536 counts, ms"),
        ];
        text.AppendLine("## User space, on the host").AppendLine().AppendLine("| measured | of | value |").AppendLine("|---|---|---|");
        foreach ((string what, string format, string title) in rows)
        {
            foreach (string variant in host.Variants(what).Where(v => !s_tracers.Contains(KindOf(v))))
            {
                text.AppendLine($"| {title} | {variant.Replace("|", "\\|", StringComparison.Ordinal)} | {host.Get(what, variant).Text(format)} |");
            }
        }

        text.AppendLine();
    }

    private static void Skips(StringBuilder text, Place[] places)
    {
        string[] skips = [.. places.SelectMany(p => p.Skips.Select(s => $"- {p.Name}, {NameOf(s.Variant)}: {s.Reason}")).Distinct()];
        if (skips.Length > 0)
        {
            text.AppendLine("## Not measured").AppendLine();
            foreach (string skip in skips)
            {
                text.AppendLine(skip);
            }

            text.AppendLine();
        }
    }

    private static string KindOf(string variant) => variant.Split(',')[0].Split('-')[0];

    private static string NameOf(string variant)
    {
        string of = variant.Split(',')[0][KindOf(variant).Length..].TrimStart('-');
        return KindOf(variant) switch
        {
            "empty" => $"empty program, {of}",
            "empties" => $"empty programs on all hooks, {of}",
            "ring" => $"bare ring buffer, {of}",
            "least" => $"bare ring buffer, and empty programs on the other hooks, {of}",
            "count" => $"bare count, {of}",
            "closed" => $"empty program where sockets close, {of}",
            "ours" => $"BindSnoop, {of}",
            "runtime" => "BindSnoop, on the .NET runtime",
            "native" => "BindSnoop, native",
            "peer" => $"libbpf-tools ({of})",
            "python" => $"bcc in Python ({of})",
            "bpftrace" => $"bpftrace ({of})",
            var other => other,
        };
    }

    private sealed class Place
    {
        private readonly Dictionary<(string What, string Variant), SortedDictionary<int, double>> _values = [];
        private readonly List<(string What, string Variant)> _order = [];

        public Place(string file)
        {
            Name = Path.GetFileNameWithoutExtension(file);
            string about = Path.ChangeExtension(file, ".txt");
            About = File.Exists(about) ? File.ReadAllText(about).Trim() : "";
            foreach (string[] fields in File.ReadLines(file).Select(l => l.Split('\t')))
            {
                if (fields[2] == "skip")
                {
                    Skips.Add((fields[1], fields[3]));
                    continue;
                }

                (string, string) key = (fields[0], fields[1]);
                if (!_values.TryGetValue(key, out SortedDictionary<int, double>? rounds))
                {
                    _values[key] = rounds = [];
                    _order.Add(key);
                }

                rounds[int.Parse(fields[2], CultureInfo.InvariantCulture)] = double.Parse(fields[3], CultureInfo.InvariantCulture);
            }

            Series start = Get("start", "pwsh alone");
            foreach (string variant in Variants("start").Where(v => v.StartsWith("pwsh, ", StringComparison.Ordinal)).ToArray())
            {
                _values[("start-over", variant)] = new(Get("start", variant).With(start, (a, b) => a - b).Rounds);
                _order.Add(("start-over", variant));
            }
        }

        public string Name { get; }

        public Version Order => Version.TryParse(Name.Contains('.', StringComparison.Ordinal) ? Name : Name + ".0", out Version? version) ? version : new Version();

        public string About { get; }

        public List<(string Variant, string Reason)> Skips { get; } = [];

        public IEnumerable<string> Variants(string what) => _order.Where(k => k.What == what).Select(k => k.Variant);

        public Series Get(string what, string variant) => new(_values.GetValueOrDefault((what, variant)) ?? []);

        public Series Added(string load, string variant) => Get($"cost-{load}", variant).With(Get($"base-{load}", variant), (a, b) => a - b);
    }

    private sealed class Series(SortedDictionary<int, double> rounds)
    {
        public SortedDictionary<int, double> Rounds => rounds;

        public int Count => rounds.Count;

        public Series With(Series other, Func<double, double, double> combine) =>
            new(new SortedDictionary<int, double>(rounds.Where(r => other.Rounds.ContainsKey(r.Key)).ToDictionary(r => r.Key, r => combine(r.Value, other.Rounds[r.Key]))));

        public string Text(string format)
        {
            if (rounds.Count == 0)
            {
                return "";
            }

            double[] sorted = [.. rounds.Values.Order()];
            double median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
            string Number(double value) => value.ToString(value >= 10_000 && format == "0" ? "#,0" : format, CultureInfo.InvariantCulture);
            return sorted.Length == 1 ? Number(median) : $"{Number(median)} ({Number(sorted[0])}–{Number(sorted[^1])})";
        }
    }
}

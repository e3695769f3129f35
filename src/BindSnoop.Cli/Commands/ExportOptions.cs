using System.CommandLine;
using System.Net;
using BindSnoop.Cli.Export;
using BindSnoop.Metrics;

namespace BindSnoop.Cli.Commands;

/// <summary>The options that say what goes elsewhere than to standard output.</summary>
internal sealed class ExportOptions
{
    private const int DefaultMaxQueued = 16384;

    // The SDK takes the room for all of them at once, and each may hold some kilobytes later.
    private const int MostQueued = 1_000_000;

    private static readonly TimeSpan s_defaultInterval = TimeSpan.FromSeconds(15);

    private readonly Option<string?> _metrics = RunOptions.Value("--metrics", "FILE", "Write metrics to this file, for Prometheus");
    private readonly Option<string?> _interval = RunOptions.Value("--metrics-interval", "SECONDS", "Write or send metrics this often (default 15)");
    private readonly Option<string?> _prometheus = RunOptions.Value("--prometheus", "[ADDRESS:]PORT", "Serve metrics to Prometheus over HTTP (by default on 127.0.0.1)");
    private readonly Option<string?> _otlp = RunOptions.Value("--otlp", "URL", "Send events and metrics to this OpenTelemetry receiver");
    private readonly Option<string?> _otlpProtocol = RunOptions.Value("--otlp-protocol", "NAME", "Send through http (the default) or grpc", "http", "grpc");
    private readonly Option<string?> _otlpOnly = RunOptions.Value("--otlp-only", "NAME", "Send only logs (events) or only metrics", "logs", "metrics");
    private readonly Option<string?> _otlpQueue = RunOptions.Value("--otlp-queue", "NUMBER", "How many events may wait while the receiver is away (default 16384)");
    private readonly Option<bool> _quiet = new("--quiet") { Description = "Print no events" };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _metrics, _interval, _prometheus, _otlp, _otlpProtocol, _otlpOnly, _otlpQueue, _quiet })
        {
            command.Add(option);
        }
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    public ExportPlan Read(ParseResult parsed)
    {
        string only = RunOptions.Read(parsed, _otlpOnly, ParseSignal, "");
        bool grpc = RunOptions.Read(parsed, _otlpProtocol, ParseProtocol, false);
        Uri? url = RunOptions.Read<Uri?>(parsed, _otlp, ParseUrl, null);
        return new(
            RunOptions.Read<MetricFile?>(parsed, _metrics, path => new MetricFile(path), null),
            RunOptions.Read(parsed, _interval, RunOptions.ParseDuration, s_defaultInterval),
            RunOptions.Read<IPEndPoint?>(parsed, _prometheus, MetricEndpoint.Parse, null),
            url is null ? null : new OtlpTarget(url, grpc),
            Logs: only != "metrics",
            Metrics: only != "logs",
            (int)RunOptions.Read(parsed, _otlpQueue, text => RunOptions.ParseEvents("InvalidQueue", text, MostQueued), DefaultMaxQueued),
            parsed.GetValue(_quiet));
    }

    private static Uri ParseUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && url.Query.Length + url.Fragment.Length + url.UserInfo.Length == 0
            ? url
            : throw RunOptions.Invalid("InvalidUrl", text, "the URL of a receiver", "Give a URL such as http://localhost:4318.");

    /// <returns>Whether it is gRPC.</returns>
    private static bool ParseProtocol(string text) => text.ToUpperInvariant() switch
    {
        "HTTP" => false,
        "GRPC" => true,
        _ => throw RunOptions.Invalid("InvalidOtlpProtocol", text, "a protocol of OTLP", "Give http or grpc."),
    };

    private static string ParseSignal(string text) => text.ToUpperInvariant() switch
    {
        "LOGS" => "logs",
        "METRICS" => "metrics",
        _ => throw RunOptions.Invalid("InvalidSignal", text, "something to send", "Give logs or metrics."),
    };
}

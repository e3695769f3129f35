using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using BindSnoop.Cli.Output;
using Polly;
using Polly.Retry;

namespace BindSnoop.Cli.Export;

/// <summary>
/// Sends one signal's requests: again and again while the receiver cannot be reached or asks for patience,
/// as OTLP lays down, and until the end of the time that is left after <see cref="EndWithin"/>. The SDK
/// itself gives up at once.
/// </summary>
/// <param name="what">What is sent, for messages.</param>
/// <param name="url">Where to, for messages.</param>
/// <param name="patient">Whether to try again; what is sent anew anyway need not be.</param>
internal sealed class OtlpSender(string what, string url, bool patient) : IDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(10);

    // A receiver that asks for more is asked again all the same: it may be another one by then.
    private static readonly TimeSpan s_longestAsked = TimeSpan.FromMinutes(5);

    // HTTP's and gRPC's status codes that mean "later": the receiver or what is before it is busy or away.
    private static readonly HttpStatusCode[] s_later =
        [HttpStatusCode.TooManyRequests, HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout];

    private static readonly string[] s_grpcLater = ["1", "4", "8", "10", "11", "14", "15"];

    private const string NoAnswer = "no answer in time";

    // Not all senders of a fleet at once after an outage, hence the jitter.
    private readonly ResiliencePipeline<Attempt> _attempts = new ResiliencePipelineBuilder<Attempt>()
        .AddRetry(new RetryStrategyOptions<Attempt>
        {
            ShouldHandle = args => ValueTask.FromResult(patient && args.Outcome.Result.IsLater),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = s_firstPause,
            MaxDelay = s_longestPause,
            DelayGenerator = args => ValueTask.FromResult(PauseAsked(args.Outcome.Result.Response?.Headers.RetryAfter, DateTimeOffset.UtcNow, Random.Shared.NextDouble())),
            OnRetry = args =>
            {
                args.Outcome.Result.Response?.Dispose();
                return ValueTask.CompletedTask;
            },
        })
        .Build();

    private readonly CancellationTokenSource _end = new();
    private string _trouble = "";

    /// <summary>How many log records the receiver has taken.</summary>
    public long Delivered { get; private set; }

    /// <summary>From now on no pauses but within this time.</summary>
    public void EndWithin(TimeSpan time) => _end.CancelAfter(time);

    /// <summary>Makes what the SDK sends through.</summary>
    public HttpMessageHandler Through(HttpClient client) => new Handler(this, client);

    public void Dispose() => _end.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _end.Token);
        Attempt last;
        try
        {
            last = await _attempts.ExecuteAsync(async token => await TryAsync(client, Copy(request, body), token).ConfigureAwait(false), either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception)
        {
            throw new HttpRequestException(NoAnswer, exception);
        }

        if (last.Trouble.Length > 0)
        {
            return last.Response ?? throw new HttpRequestException(last.Trouble, last.Failure);
        }

        Delivered += await CountAsync(request, body, last.Response!).ConfigureAwait(false);
        return last.Response!;
    }

    private async ValueTask<Attempt> TryAsync(HttpClient client, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Attempt attempt;
        try
        {
            attempt = Judge(await client.SendAsync(request, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            string trouble = exception is OperationCanceledException ? NoAnswer : (exception.InnerException ?? exception).Message;
            attempt = new(null, exception, trouble, IsLater: true);
        }

        // A request that was cancelled at the end says nothing about the receiver.
        if (!_end.IsCancellationRequested || attempt.Trouble.Length == 0)
        {
            Report(attempt.IsLater && patient ? $"{attempt.Trouble}; trying again" : attempt.Trouble);
        }

        return attempt;
    }

    /// <summary>How long the receiver asks to be left alone (RFC 9110, 10.2.3), and a little more by chance; null if it does not ask.</summary>
    /// <param name="asked">What the receiver requested.</param>
    /// <param name="now">The time.</param>
    /// <param name="chance">From 0 to 1.</param>
    internal static TimeSpan? PauseAsked(RetryConditionHeaderValue? asked, DateTimeOffset now, double chance)
    {
        TimeSpan least = asked?.Delta ?? asked?.Date - now ?? TimeSpan.Zero;
        least = least < s_longestAsked ? least : s_longestAsked;
        return least > TimeSpan.Zero ? least + (s_firstPause * chance) : null;
    }

    /// <summary>The SDK may send a request but once, so that every try is one of its own.</summary>
    private static HttpRequestMessage Copy(HttpRequestMessage request, byte[] body)
    {
        HttpRequestMessage copy = new(request.Method, request.RequestUri)
        {
            Version = request.Version,
            VersionPolicy = request.VersionPolicy,
            Content = new ByteArrayContent(body),
        };
        copy.Content.Headers.ContentType = request.Content!.Headers.ContentType;
        foreach ((string name, IEnumerable<string> values) in request.Headers)
        {
            copy.Headers.TryAddWithoutValidation(name, values);
        }

        return copy;
    }

    private static Attempt Judge(HttpResponseMessage response)
    {
        if (!response.IsSuccessStatusCode)
        {
            string trouble = string.Create(CultureInfo.InvariantCulture, $"HTTP status {(int)response.StatusCode} ({response.ReasonPhrase})");
            return new(response, null, trouble, s_later.Contains(response.StatusCode));
        }

        const string Status = "grpc-status";
        string status = response.TrailingHeaders.TryGetValues(Status, out IEnumerable<string>? trailing) || response.Headers.TryGetValues(Status, out trailing)
            ? trailing.First()
            : "0";
        return status == "0" ? new(response, null, "", false) : new(response, null, $"gRPC status {status}", s_grpcLater.Contains(status));
    }

    /// <summary>The log records of a request, without those that the answer says were rejected (partial_success).</summary>
    private static async Task<long> CountAsync(HttpRequestMessage request, byte[] body, HttpResponseMessage response)
    {
        // gRPC puts a flag and the length in front of a message.
        int start = request.Version.Major > 1 ? 5 : 0;
        byte[] answer = await response.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
        long rejected = answer.Length > start ? Protobuf.Sum(answer.AsSpan(start), 1, 1) : 0;
        return Protobuf.Sum(body.AsSpan(start), 1, 2, 2) - rejected;
    }

    /// <summary>Reports trouble when it begins, changes and ends, rather than each attempt.</summary>
    private void Report(string trouble)
    {
        string before = _trouble;
        _trouble = trouble;
        if (trouble == before)
        {
            return;
        }

        Messages.Write(trouble.Length > 0
            ? $"bindsnoop: warning: {what} cannot be sent to {url}: {DisplayText.Escape(trouble)}."
            : $"bindsnoop: {what} can be sent to {url} again.");
    }

    /// <summary>How one attempt ended.</summary>
    /// <param name="Response">What the receiver answered, if it did.</param>
    /// <param name="Failure">Why it did not.</param>
    /// <param name="Trouble">What was wrong, for the user; empty if nothing was.</param>
    /// <param name="IsLater">Whether the same may work later.</param>
    private readonly record struct Attempt(HttpResponseMessage? Response, Exception? Failure, string Trouble, bool IsLater);

    private sealed class Handler(OtlpSender sender, HttpClient client) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            sender.SendAsync(client, request, cancellationToken);

        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
            SendAsync(request, cancellationToken).GetAwaiter().GetResult();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                client.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}

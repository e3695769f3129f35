using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using BindSnoop.Cli.Output;

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
        for (int tries = 0; ; tries++)
        {
            HttpResponseMessage? response = null;
            Exception? failure = null;
            (bool later, string trouble) = (true, "");
            try
            {
                using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _end.Token);
                response = await client.SendAsync(Copy(request, body), either.Token).ConfigureAwait(false);
                (later, trouble) = Judge(response);
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
            {
                failure = exception;
                trouble = exception is OperationCanceledException ? "no answer in time" : (exception.InnerException ?? exception).Message;
            }

            if (trouble.Length == 0)
            {
                Report("");
                Delivered += await CountAsync(request, body, response!).ConfigureAwait(false);
                return response!;
            }

            // A request that was cancelled at the end says nothing about the receiver.
            if (!_end.IsCancellationRequested)
            {
                Report(later && patient ? $"{trouble}; trying again" : trouble);
            }

            if (!later || !patient || _end.IsCancellationRequested || cancellationToken.IsCancellationRequested)
            {
                return response ?? throw new HttpRequestException(trouble, failure);
            }

            TimeSpan pause = PauseBefore(tries + 1, response?.Headers.RetryAfter, DateTimeOffset.UtcNow, Random.Shared.NextDouble());
            response?.Dispose();
            await Task.Delay(pause, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// How long to wait before another try: twice as long each time, and not all senders of a fleet at once after an
    /// outage; but not before the receiver asked for (RFC 9110, 10.2.3).
    /// </summary>
    /// <param name="tries">How often it was tried.</param>
    /// <param name="asked">What the receiver asked for.</param>
    /// <param name="now">The time.</param>
    /// <param name="chance">From 0 to 1.</param>
    internal static TimeSpan PauseBefore(int tries, RetryConditionHeaderValue? asked, DateTimeOffset now, double chance)
    {
        TimeSpan longest = s_firstPause * Math.Pow(2, Math.Min(tries - 1, 10));
        TimeSpan pause = (longest < s_longestPause ? longest : s_longestPause) * ((1 + chance) / 2);
        TimeSpan least = asked?.Delta ?? asked?.Date - now ?? TimeSpan.Zero;
        least = least < s_longestAsked ? least : s_longestAsked;
        return pause > least ? pause : least + (pause * chance);
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

    private static (bool Later, string Trouble) Judge(HttpResponseMessage response)
    {
        if (!response.IsSuccessStatusCode)
        {
            return (s_later.Contains(response.StatusCode), string.Create(CultureInfo.InvariantCulture, $"HTTP status {(int)response.StatusCode} ({response.ReasonPhrase})"));
        }

        const string Status = "grpc-status";
        string status = response.TrailingHeaders.TryGetValues(Status, out IEnumerable<string>? trailing) || response.Headers.TryGetValues(Status, out trailing)
            ? trailing.First()
            : "0";
        return status == "0" ? (false, "") : (s_grpcLater.Contains(status), $"gRPC status {status}");
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

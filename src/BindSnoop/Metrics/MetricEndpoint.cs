using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BindSnoop.Metrics;

/// <summary>
/// Answers Prometheus, which asks for metrics by HTTP under /metrics. A request has to name the address that is listened
/// on, so that no page in a browser can read the answer under a name of its own (DNS rebinding).
/// </summary>
internal sealed class MetricEndpoint : IDisposable
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly HttpListener _listener = new();
    private Task _serving = Task.CompletedTask;

    /// <summary>Listens. Requests wait until <see cref="Begin"/>.</summary>
    /// <exception cref="TraceException"><c>EndpointNotAvailable</c>.</exception>
    public MetricEndpoint(IPEndPoint address)
    {
        // A wildcard takes any name: it is for those who want just that.
        string host = address.Address.Equals(IPAddress.Any) ? "+" : address.Address.ToString();
        _listener.Prefixes.Add(string.Create(CultureInfo.InvariantCulture, $"http://{host}:{address.Port}/"));
        try
        {
            _listener.Start();
        }
        catch (Exception exception) when (exception is HttpListenerException or SocketException)
        {
            _listener.Close();
            throw new TraceException(
                "EndpointNotAvailable",
                TraceErrorKind.ResourceUnavailable,
                $"Listening on {address} failed: {DisplayText.EscapeUnsafe(exception.Message).TrimEnd('.')}.",
                "Give another port, or an address of this machine.",
                address,
                exception);
        }
    }

    /// <summary>Reads <c>PORT</c>, which is of the loopback, or <c>ADDRESS:PORT</c> of IPv4: HttpListener takes no other.</summary>
    /// <exception cref="TraceException"><c>InvalidEndpoint</c>.</exception>
    public static IPEndPoint Parse(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0 ? new IPEndPoint(IPAddress.Loopback, port)
        : text.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(text, out IPEndPoint? address) && address is { Port: > 0, AddressFamily: AddressFamily.InterNetwork } ? address
        : throw new TraceException(
            "InvalidEndpoint",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is neither a port nor an IPv4 address and a port.",
            "Give a port of the loopback such as 9435, an address and a port such as 192.0.2.1:9435, or 0.0.0.0:9435 for all IPv4 addresses.",
            text);

    /// <summary>Answers from now on.</summary>
    /// <param name="write">Writes the values of the moment.</param>
    public void Begin(Action<MetricSet> write) => _serving = Task.Run(() => ServeAsync(write));

    /// <summary>Answers no more; what is being answered is waited for.</summary>
    public void Dispose()
    {
        _listener.Close();
        _serving.Wait();
    }

    private async Task ServeAsync(Action<MetricSet> write)
    {
        while (true)
        {
            try
            {
                Answer(await _listener.GetContextAsync().ConfigureAwait(false), write);
            }
            catch (Exception) when (!_listener.IsListening)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpListenerException or IOException or InvalidOperationException)
            {
                // The client has gone.
            }
        }
    }

    private static void Answer(HttpListenerContext context, Action<MetricSet> write)
    {
        HttpListenerResponse response = context.Response;
        string method = context.Request.HttpMethod;
        response.StatusCode = context.Request.Url?.AbsolutePath is not ("/" or "/metrics") ? (int)HttpStatusCode.NotFound
            : method is not ("GET" or "HEAD") ? (int)HttpStatusCode.MethodNotAllowed
            : (int)HttpStatusCode.OK;
        byte[] body = [];
        if (response.StatusCode == (int)HttpStatusCode.OK)
        {
            MetricSet set = new();
            write(set);
            body = Encoding.UTF8.GetBytes(PrometheusText.Write(set));
            response.ContentType = ContentType;
        }

        response.Close(method == "HEAD" ? [] : body, willBlock: false);
    }
}

using OpenTelemetry.Exporter;

namespace BindSnoop.Cli.Export;

/// <summary>Where OTLP goes, and how.</summary>
/// <param name="Url">The receiver.</param>
/// <param name="Protocol">By HTTP with protobuf, or by gRPC.</param>
internal sealed record OtlpTarget(Uri Url, OtlpExportProtocol Protocol)
{
    /// <summary>Sets up an exporter of one signal, with a sender that tells what became of each request.</summary>
    public void Configure(OtlpExporterOptions options, string signal, Func<HttpClient, HttpMessageHandler> sender)
    {
        options.Protocol = Protocol;
        options.Endpoint = Protocol == OtlpExportProtocol.HttpProtobuf ? new Uri($"{Url.AbsoluteUri.TrimEnd('/')}/v1/{signal}") : Url;

        // The client that the environment asks for: certificates and time limit (OTEL_EXPORTER_OTLP_...).
        Func<HttpClient> client = options.HttpClientFactory;
        options.HttpClientFactory = () => new HttpClient(sender(client())) { Timeout = Timeout.InfiniteTimeSpan };
    }
}

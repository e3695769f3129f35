using OpenTelemetry.Exporter;

namespace BindSnoop.Cli.Export;

/// <summary>Where OTLP goes, and how.</summary>
/// <param name="Url">The receiver.</param>
/// <param name="Grpc">By gRPC; else by HTTP.</param>
internal sealed record OtlpTarget(Uri Url, bool Grpc)
{
    /// <summary>Sets up an exporter of one signal, with a sender that reports the outcome of each request.</summary>
    public void Configure(OtlpExporterOptions options, string signal, Func<HttpClient, HttpMessageHandler> sender)
    {
        options.Protocol = Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        options.Endpoint = Grpc ? Url : new Uri($"{Url.AbsoluteUri.TrimEnd('/')}/v1/{signal}");

        // The client that the environment asks for: certificates and time limit (OTEL_EXPORTER_OTLP_...).
        Func<HttpClient> client = options.HttpClientFactory;
        options.HttpClientFactory = () => new HttpClient(sender(client())) { Timeout = Timeout.InfiniteTimeSpan };
    }
}

using System.Runtime.InteropServices;
using BindSnoop.Interop;
using OpenTelemetry.Exporter;

namespace BindSnoop.Cli.Export;

/// <summary>Where OTLP goes, and how.</summary>
/// <param name="Url">The receiver.</param>
/// <param name="Grpc">By gRPC; else by HTTP.</param>
internal sealed record OtlpTarget(Uri Url, bool Grpc)
{
    /// <summary>Fails with one clear error where this machine lacks what sending takes, of which the runtime would die.</summary>
    /// <exception cref="TraceException"><c>RandomNotFound</c>, <c>OpenSslNotFound</c>.</exception>
    public void EnsureUsable()
    {
        if (!File.Exists("/dev/urandom"))
        {
            throw new TraceException(
                "RandomNotFound", TraceErrorKind.NotInstalled, "OTLP requires /dev/urandom, which does not exist.", "Mount /dev, as container engines do.", Url.AbsoluteUri);
        }

        // Those that the runtime tries, in its order.
        string?[] versions = [Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE"), "3", "1.1"];
        if (Url.Scheme == Uri.UriSchemeHttp || versions.Any(v => v is not null && NativeLibrary.TryLoad($"libssl.so.{v}", out _)))
        {
            return;
        }

        // Every program that is not linked statically has it loaded.
        bool loads = !LibBpf.IsLinked || NativeLibrary.TryLoad("libc.so.6", out _);
        throw new TraceException(
            "OpenSslNotFound",
            TraceErrorKind.NotInstalled,
            loads ? "OTLP over https requires OpenSSL, but neither libssl.so.3 nor libssl.so.1.1 is installed on this machine."
                : "OTLP over https requires OpenSSL, which this statically linked bindsnoop cannot load.",
            loads ? "Install it: 'apt install libssl3' (Debian, Ubuntu), 'dnf install openssl-libs' (Fedora); or give a URL with http."
                : "Give a URL with http, such as that of a collector on this machine, or use the build for glibc 2.28.",
            Url.AbsoluteUri);
    }

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

using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces bound sockets as they let go of their ports.</summary>
public sealed class ReleaseTracer(TraceOptions options) : Tracer<ReleaseEvent>(TracerDefinition.Release, options)
{
    private protected override EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher)
    {
        ref readonly ReleaseSample release = ref SampleBytes.As<ReleaseSample>(sample);
        return enricher.LookUp(release.Origin, release.InterfaceIndex, Backend);
    }

    private protected override ReleaseEvent Decode(ReadOnlySpan<byte> sample, in EventContext context) =>
        new(SampleBytes.As<ReleaseSample>(sample), context);
}

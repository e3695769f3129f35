using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces bound sockets as they let go of their ports.</summary>
public sealed class ReleaseTracer(TraceOptions options) : Tracer<ReleaseEvent>(TracerDefinition.Release, options)
{
    private protected override EventContext LookUp(ReadOnlySpan<byte> record, EventEnricher enricher)
    {
        ref readonly ReleaseRecord release = ref RecordBytes.As<ReleaseRecord>(record);
        return enricher.LookUp(release.Origin, release.InterfaceIndex, Backend);
    }

    private protected override ReleaseEvent Decode(ReadOnlySpan<byte> record, in EventContext context) =>
        new(RecordBytes.As<ReleaseRecord>(record), context);
}

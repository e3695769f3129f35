using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces TCP connections as processes accept them.</summary>
public sealed class AcceptTracer(TraceOptions options) : Tracer<AcceptEvent>(TracerDefinition.Accept, options)
{
    private protected override EventContext LookUp(ReadOnlySpan<byte> record, EventEnricher enricher)
    {
        ref readonly AcceptRecord accept = ref RecordBytes.As<AcceptRecord>(record);
        return enricher.LookUp(accept.Origin, accept.InterfaceIndex, Backend);
    }

    private protected override AcceptEvent Decode(ReadOnlySpan<byte> record, in EventContext context) =>
        new(RecordBytes.As<AcceptRecord>(record), context);
}

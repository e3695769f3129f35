using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces calls of listen().</summary>
public sealed class ListenTracer(TraceOptions options) : Tracer<ListenEvent>(TracerDefinition.Listen, options)
{
    private protected override EventContext LookUp(ReadOnlySpan<byte> record, EventEnricher enricher)
    {
        ref readonly ListenRecord listen = ref RecordBytes.As<ListenRecord>(record);
        return enricher.LookUp(listen.Origin, listen.InterfaceIndex, Backend);
    }

    private protected override ListenEvent Decode(ReadOnlySpan<byte> record, in EventContext context) =>
        new(RecordBytes.As<ListenRecord>(record), context);
}

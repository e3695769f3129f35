using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces calls of bind().</summary>
public sealed class BindTracer(TraceOptions options) : Tracer<BindEvent>(TracerDefinition.Bind, options)
{
    private protected override BindEvent Decode(ReadOnlySpan<byte> record, EventEnricher enricher)
    {
        ref readonly BindRecord bind = ref RecordBytes.As<BindRecord>(record);
        return new BindEvent(bind, enricher.LookUp(bind.Origin, bind.InterfaceIndex, Backend));
    }
}

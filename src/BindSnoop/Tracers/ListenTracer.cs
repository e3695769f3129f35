using BindSnoop.Abi;
using BindSnoop.Diagnosis;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces calls of listen().</summary>
public sealed class ListenTracer(TraceOptions options) : ExplainingTracer<ListenEvent>(TracerDefinition.Listen, options)
{
    private protected override EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher)
    {
        ref readonly ListenSample listen = ref SampleBytes.As<ListenSample>(sample);
        EventContext context = enricher.LookUp(listen.Origin, listen.InterfaceIndex, Backend);
        return listen.Origin.ErrorCode != 0 && Explains ? Explained(context, new FailedCall(new ListenEvent(listen, context))) : context;
    }

    private protected override ListenEvent Decode(ReadOnlySpan<byte> sample, in EventContext context) =>
        new(SampleBytes.As<ListenSample>(sample), context);
}

using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces TCP connections as processes accept them.</summary>
public sealed class AcceptTracer : Tracer<AcceptEvent>
{
    /// <summary>Attaches.</summary>
    /// <exception cref="TraceException">An option is wrong, or no back end works.</exception>
    public AcceptTracer(TraceOptions options)
        : this(TracerDefinition.Accept, options)
    {
    }

    internal AcceptTracer(TracerDefinition definition, TraceOptions options)
        : base(definition, options)
    {
    }

    private protected override EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher)
    {
        ref readonly AcceptSample accept = ref SampleBytes.As<AcceptSample>(sample);
        return enricher.LookUp(accept.Origin, accept.InterfaceIndex, Backend);
    }

    private protected override AcceptEvent Decode(ReadOnlySpan<byte> sample, in EventContext context) =>
        new(SampleBytes.As<AcceptSample>(sample), context);
}

using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces TCP connections as processes accept them.</summary>
public sealed class AcceptTracer(TraceOptions options) : Tracer<AcceptEvent>(TracerDefinition.Accept, options)
{
    private protected override AcceptEvent Decode(ReadOnlySpan<byte> record, in KernelClock clock)
    {
        ref readonly AcceptRecord accept = ref RecordBytes.As<AcceptRecord>(record);
        return new AcceptEvent(accept, clock.ToUtcTicks(accept.Origin.Time), Backend);
    }
}

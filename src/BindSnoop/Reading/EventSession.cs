using BindSnoop.Abi;
using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>A tracer that sends a sample of every call.</summary>
internal sealed class EventSession : TraceSession
{
    private EventSession(LoadedTracer tracer, TraceOptions options)
        : base(tracer, options.Filter)
    {
        SampleSize = tracer.Definition.SampleSize;
        try
        {
            Buffer = new RingBuffer(tracer.Object.MapFd("events"), options.BufferSize, tracer.Object.MapFd(ReaderState.Map));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RingBuffer Buffer { get; }

    /// <summary>How many bytes each sample has.</summary>
    public int SampleSize { get; }

    // Samples of proofs, which nobody reads, have the same size.
    protected override long Sent => (Buffer.Produced / RingBuffer.RoomFor(SampleSize)) - Proofs.Sent;

    /// <summary>Loads and attaches with the back end requested, or the best that works.</summary>
    /// <param name="prove">Finds out whether it works, once it is attached.</param>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static EventSession Open(
        TracerDefinition definition, TraceOptions options, Func<TraceSession, TraceProof> prove, out IReadOnlyList<BackendRefusal> refusals) => Open(
        definition,
        options.Backend,
        () => TraceConfiguration.ForEvents(options),
        tracer => new EventSession(tracer, options),
        prove,
        out refusals);

    public override IReadOnlyList<byte[]> FindProofs() => Buffer.FindDiscarded();

    protected override void Leave() => Buffer?.Leave();

    protected override void DisposeReader() => Buffer?.Dispose();
}

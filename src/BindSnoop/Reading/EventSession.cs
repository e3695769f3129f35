using BindSnoop.Loading;

namespace BindSnoop.Reading;

/// <summary>A tracer that sends a record of every call.</summary>
internal sealed class EventSession : TraceSession
{
    private EventSession(LoadedTracer tracer, TraceOptions options)
        : base(tracer, options.Filter)
    {
        RecordSize = tracer.Definition.RecordSize;
        try
        {
            Buffer = new RingBuffer(tracer.Object.MapFd("events"), options.BufferSize, tracer.Object.MapFd(".data.reader"));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RingBuffer Buffer { get; }

    /// <summary>How many bytes each record has.</summary>
    public int RecordSize { get; }

    protected override long Sent => Buffer.Produced / RingBuffer.RoomFor(RecordSize);

    /// <summary>Loads and attaches with the back end asked for, or the best that works.</summary>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static EventSession Open(TracerDefinition definition, TraceOptions options, out IReadOnlyList<BackendRefusal> refusals) => Open(
        definition,
        options.Backend,
        () => TraceConfiguration.ForEvents(options),
        tracer => new EventSession(tracer, options),
        out refusals);

    protected override void DisposeReader() => Buffer?.Dispose();
}

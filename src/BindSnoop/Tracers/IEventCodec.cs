namespace BindSnoop;

/// <summary>How the samples of a kind become events.</summary>
internal interface IEventCodec
{
    /// <summary>Looks up what may soon be gone, and begins what is to be found out. On the reading thread, at once.</summary>
    /// <exception cref="TraceException"><c>InvalidRecord</c>: it is none.</exception>
    EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher);

    /// <summary>Makes the event of it, on any thread.</summary>
    TraceEvent Decode(ReadOnlySpan<byte> sample, in EventContext context);
}

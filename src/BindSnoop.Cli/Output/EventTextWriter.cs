namespace BindSnoop.Cli.Output;

/// <summary>Events as text, in the columns of their kind.</summary>
internal sealed class EventTextWriter<TEvent>(OutputBuffer output, EventDefinition<TEvent> definition, ColumnUse use) : IEventWriter<TEvent>
    where TEvent : TraceEvent
{
    private readonly TextTable<TEvent> _table = new(output, definition.Description, use);
    private long? _first;

    public void Begin() => _table.WriteHeadings();

    public void Write(TEvent next)
    {
        // The classic tools take microseconds, cut off, and count from their first event.
        _first ??= next.KernelTime / 1000;
        _table.WriteLine(next, _first.Value);
    }
}

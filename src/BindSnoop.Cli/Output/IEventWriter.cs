namespace BindSnoop.Cli.Output;

/// <summary>Prints events in one format.</summary>
internal interface IEventWriter<in TEvent>
{
    /// <summary>What comes before the first event.</summary>
    void Begin();

    /// <summary>One event.</summary>
    void Write(TEvent next);
}

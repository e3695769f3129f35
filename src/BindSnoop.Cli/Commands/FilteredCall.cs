namespace BindSnoop.Cli.Commands;

/// <summary>The calls that <see cref="FilterOptions"/> are of.</summary>
internal enum FilteredCall
{
    /// <summary>Of bind(): what is requested may differ from what comes of it.</summary>
    Bind,

    /// <summary>Of accept(): there are two ends, and TCP alone.</summary>
    Accept,

    /// <summary>Of listen().</summary>
    Listen,
}

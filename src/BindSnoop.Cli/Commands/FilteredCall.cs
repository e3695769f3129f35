namespace BindSnoop.Cli.Commands;

/// <summary>The calls that <see cref="FilterOptions"/> are of.</summary>
internal enum FilteredCall
{
    /// <summary>Calls of bind(), whose requested address and port may differ from the resulting ones.</summary>
    Bind,

    /// <summary>Calls of accept(), which have two ends and are always TCP.</summary>
    Accept,

    /// <summary>Calls of listen().</summary>
    Listen,

    /// <summary>Ports that bound sockets release.</summary>
    Release,
}

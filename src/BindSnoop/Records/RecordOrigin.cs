namespace BindSnoop.Records;

/// <summary>Where what is in a row comes from: <c>what.origin</c>.</summary>
internal enum RecordOrigin
{
    /// <summary>A call of bind().</summary>
    Bind,

    /// <summary>A call of listen().</summary>
    Listen,

    /// <summary>A look at all sockets.</summary>
    Snapshot,
}

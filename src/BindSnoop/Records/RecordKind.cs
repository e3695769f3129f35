namespace BindSnoop.Records;

/// <summary>The tables that <c>port.kind</c> leads to.</summary>
internal enum RecordKind
{
    Bind,
    Failure,
    Listen,
}

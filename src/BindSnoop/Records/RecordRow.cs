namespace BindSnoop.Records;

/// <summary>A row of <c>bind</c>, <c>failure</c> or <c>listen</c>, as it is read.</summary>
/// <param name="First">Of a bind how long it was held, else the error.</param>
/// <param name="Second">Of a bind how much later it was gone, of a failure the finding, of a listen the backlog.</param>
/// <param name="Third">Of a bind how much earlier it may have been, of a listen the limit.</param>
internal readonly record struct RecordRow(
    long Id, int Port, long Who, long What, int ProcessId, int ThreadId, long Inode, long First, long? Second, long? Third)
{
    public bool IsOpen => First == RecordSchema.Open;

    public long Held => First;

    public long? Gone => Second;

    public long? Early => Third;
}

namespace BindSnoop.Abi;

/// <summary><c>enum held_by</c> of bpf/sockets.h.</summary>
internal enum HeldBy : byte
{
    Process,
    File,
    Kernel,
    AcceptQueue,
    Orphan,
    TimeWait,
    Nothing,
}

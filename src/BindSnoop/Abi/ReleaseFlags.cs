namespace BindSnoop.Abi;

/// <summary><c>enum release_flag</c> of bpf/release.bpf.c.</summary>
[Flags]
internal enum ReleaseFlags : byte
{
    LeavesTimeWait = 1,
    Connected = 2,
}

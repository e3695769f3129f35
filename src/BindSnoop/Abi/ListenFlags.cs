namespace BindSnoop.Abi;

/// <summary><c>enum listen_flag</c> of bpf/listen.bpf.c.</summary>
[Flags]
internal enum ListenFlags : byte
{
    Implicit = 1,
    AlreadyListening = 2,
    BacklogKnown = 4,
    PortChosen = 8,
}

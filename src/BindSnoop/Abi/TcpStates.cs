namespace BindSnoop.Abi;

/// <summary>include/net/tcp_states.h, which all protocols' sockets have their states from.</summary>
internal enum TcpStates : byte
{
    Established = 1,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    NewSynReceived,
}

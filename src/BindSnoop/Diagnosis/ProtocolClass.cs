namespace BindSnoop.Diagnosis;

/// <summary>Protocols by the rules that the kernel has for their conflicts.</summary>
internal enum ProtocolClass
{
    /// <summary>It does not: raw sockets.</summary>
    None,

    /// <summary>TCP, MPTCP and DCCP.</summary>
    Stream,

    /// <summary>UDP, UDP-Lite and ping sockets.</summary>
    Datagram,

    /// <summary>SCTP.</summary>
    Sctp,
}

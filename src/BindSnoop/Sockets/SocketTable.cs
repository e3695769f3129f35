namespace BindSnoop.Sockets;

/// <summary>The kernel's tables of bound sockets that are read, by the protocols that have them.</summary>
internal enum SocketTable
{
    /// <summary>MPTCP's ports are in it, too.</summary>
    Tcp = 6,
    Udp = 17,
    UdpLite = 136,
}

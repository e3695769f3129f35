using BindSnoop.Names;

namespace BindSnoop.Diagnosis;

/// <summary>How the kernel decides about conflicts.</summary>
internal enum ConflictRules
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

/// <summary>A bind, with everything that its conflicts depend on.</summary>
/// <param name="Uid">The user who made the socket: its file system user id at socket(). Null if not known.</param>
/// <param name="IPv6Only">As set on the socket; null if not known.</param>
internal readonly record struct BindClaim(
    uint NetworkNamespace,
    int ProtocolNumber,
    AddressValue Address,
    int Port,
    bool? IPv6Only,
    uint InterfaceIndex,
    bool ReuseAddress,
    bool ReusePort,
    uint? Uid)
{
    private const int Sctp = 132;

    /// <summary>The rules of its protocol.</summary>
    public ConflictRules Rules => RulesOf(ProtocolNumber);

    /// <summary>Protocols of one class with the same value share their ports: an MPTCP socket has one of TCP.</summary>
    public static int PortsOf(int protocolNumber) => protocolNumber == Protocols.Mptcp ? 6 : protocolNumber;

    public static ConflictRules RulesOf(int protocolNumber) => protocolNumber switch
    {
        6 or Protocols.Mptcp or 33 => ConflictRules.Stream,
        1 or 17 or 58 or 136 => ConflictRules.Datagram,
        Sctp => ConflictRules.Sctp,
        _ => ConflictRules.None,
    };
}

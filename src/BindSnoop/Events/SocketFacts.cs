namespace BindSnoop;

/// <summary>What is known of a socket beyond its addresses.</summary>
[Flags]
internal enum SocketFacts
{
    None = 0,
    Options = 1,
    Ipv6Only = 2,
    Uid = 4,
    Interface = 8,
    BacklogLimit = 16,
    All = 31,
}

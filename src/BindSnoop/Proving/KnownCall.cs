using System.Net;

namespace BindSnoop.Proving;

/// <summary>A call made for a proof, and what is known about it.</summary>
/// <param name="Name">Its name in reports.</param>
/// <param name="Family">The family of the socket, or of the address if there is no socket.</param>
/// <param name="Local">What the socket is bound to; for a failed bind, what was requested.</param>
internal sealed record KnownCall(string Name, IPFamily Family, IPEndPoint Local)
{
    public KnownCall(string name, KnownSocket socket)
        : this(name, socket.Family, socket.Local)
    {
        Protocol = socket.Protocol;
        SocketType = socket.Type;
        Inode = socket.Inode;
        Options = socket.Options;
        IPv6Only = socket.IPv6Only;
        InterfaceIndex = socket.InterfaceIndex;
    }

    /// <summary>The error; 0 if it succeeded.</summary>
    public int Error { get; init; }

    public int Protocol { get; init; }

    public int SocketType { get; init; }

    public long Inode { get; init; }

    public BindOptions Options { get; init; }

    public bool IPv6Only { get; init; }

    public int InterfaceIndex { get; init; }

    /// <summary>What a bind requested.</summary>
    public IPEndPoint? Requested { get; init; }

    /// <summary>The other end; of accepts.</summary>
    public IPEndPoint? Remote { get; init; }

    /// <summary>How many connections were to be queued; of listens.</summary>
    public int Backlog { get; init; }

    /// <summary>How many the kernel queues; of listens.</summary>
    public long? BacklogLimit { get; init; }

    public bool AlreadyListening { get; init; }

    /// <summary>What the socket did before; of releases.</summary>
    public string State { get; init; } = "";

    /// <summary>When it was bound, by the kernel's clock: not before that; of releases.</summary>
    public long BoundFrom { get; init; }

    /// <summary>And not after that.</summary>
    public long BoundUntil { get; init; }
}

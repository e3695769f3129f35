using System.Globalization;
using System.Net;

namespace BindSnoop.Diagnosis;

/// <summary>A call of bind() or listen() that failed: what of it its explanation depends on.</summary>
internal sealed class FailedCall
{
    private readonly TraceEvent _source;

    public FailedCall(BindEvent failed)
        : this((TraceEvent)failed, failed.RequestedAddress)
    {
        Port = failed.RequestedPort;
        IPv6Only = failed.IPv6Only;
        InterfaceIndex = (uint)failed.InterfaceIndex;
        Options = failed.Options;
        SocketUid = failed.SocketUid;
    }

    public FailedCall(ListenEvent failed)
        : this((TraceEvent)failed, failed.Address)
    {
        IsListen = true;
        SocketType = failed.SocketType;
        Port = failed.Port;
        IPv6Only = failed.IPv6Only;
        InterfaceIndex = (uint)failed.InterfaceIndex;
        Options = failed.Options;
    }

    private FailedCall(TraceEvent failed, string? address)
    {
        _source = failed;
        ProtocolNumber = failed.LocalEnd.ProtocolNumber;
        Address = address is not null && IPAddress.TryParse(address, out IPAddress? parsed) ? parsed : null;
    }

    /// <summary>Whether it was listen(), of a socket that was bound before if it has a port.</summary>
    public bool IsListen { get; }

    /// <summary>The error: a positive errno.</summary>
    public int ErrorCode => _source.ErrorCode;

    public uint NetworkNamespace => _source.NetworkNamespace;

    /// <summary>0 when it named no socket.</summary>
    public long Inode => _source.Inode;

    public uint ProcessId => (uint)_source.ProcessId;

    /// <summary>Of listen(): STREAM and so on.</summary>
    public string SocketType { get; } = "";

    public int ProtocolNumber { get; }

    /// <summary>What was requested, or is listened on; null if there was no whole address.</summary>
    public IPAddress? Address { get; }

    /// <summary>Likewise; 0 leaves it to the kernel.</summary>
    public int Port { get; }

    public bool IPv6Only { get; }

    public uint InterfaceIndex { get; }

    public BindOptions Options { get; }

    /// <summary>The user who made the socket; null if the call does not show it.</summary>
    public uint? SocketUid { get; }

    // An id of the machine's is another process's here.
    /// <summary>The directory of its process in /proc.</summary>
    public string ProcessPath =>
        _source.IsHostProcessId ? "/proc/unknown" : string.Create(CultureInfo.InvariantCulture, $"/proc/{_source.ProcessId}");
}

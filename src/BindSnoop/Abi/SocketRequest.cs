using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct socket_request</c> of bpf/sockets.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketRequest
{
    public PortBitmap Ports;
    public FileBitmap Files;
    public uint ProcessId;
    public byte ByPort;
    public byte Connections;
    public ReservedBytes Reserved;

    [InlineArray(1024)]
    public struct PortBitmap
    {
        private ulong _first;
    }

    [InlineArray(64)]
    public struct FileBitmap
    {
        private ulong _first;
    }

    [InlineArray(2)]
    public struct ReservedBytes
    {
        private byte _first;
    }
}

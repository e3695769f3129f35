using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct socket_config</c> of bpf/sockets.bpf.c.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SocketConfig
{
    public byte FreebindBit;
    public byte TransparentBit;
    public byte BindAddressNoPortBit;
    public byte Reserved;
}

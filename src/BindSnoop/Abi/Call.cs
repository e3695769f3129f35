using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct call</c> of bpf/accounting.h: what a <see cref="CallKey"/> was entered with.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Call
{
    public Arguments Args;
    public ulong UnderWay;

    [InlineArray(4)]
    public struct Arguments
    {
        private ulong _first;
    }
}

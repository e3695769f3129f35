using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct call</c> of bpf/accounting.h: the arguments of a call at its entry, by <see cref="CallKey"/>.</summary>
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

using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct call_key</c> of bpf/accounting.h: a call between its entry and its return.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CallKey
{
    public uint ThreadId;
    public uint Function;

    // MAY_WAIT of bpf/accounting.h.
    private const uint WaitBit = 0x80000000;

    /// <summary>Whether the function may wait for long, so that a call without a return is not lost.</summary>
    public readonly bool MayWait => (Function & WaitBit) != 0;
}

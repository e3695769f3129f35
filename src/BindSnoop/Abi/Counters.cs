using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct counters</c> of bpf/accounting.h: the outcomes of the calls on one CPU.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct Counters
{
    /// <summary>The map that has one of them for each CPU, or for several.</summary>
    public const string Map = ".data.counters";

    public long Counted;
    public long Dropped;
    public long Filtered;
    public long Missed;
    public long Entered;
    public long Left;
    public long Forgotten;
}

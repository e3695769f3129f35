using System.Runtime.CompilerServices;

namespace BindSnoop.Abi;

/// <summary>The name of a thread, padded with zeros.</summary>
[InlineArray(16)]
internal struct CommBytes
{
    private byte _first;
}

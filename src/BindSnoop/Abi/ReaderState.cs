using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct reader</c> of bpf/reader.h: what the reader shares with running programs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ReaderState
{
    /// <summary>The map that has it.</summary>
    public const string Map = ".data.reader";

    public uint Waiting;
    public uint Leaving;
}

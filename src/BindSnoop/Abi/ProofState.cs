using System.Runtime.InteropServices;

namespace BindSnoop.Abi;

/// <summary><c>struct proof</c> of bpf/proof.h: which thread makes the calls of a proof, and their outcomes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProofState
{
    /// <summary>The map that has it.</summary>
    public const string Map = ".data.proof";

    public uint ThreadId;
    public uint Elsewhere;
    public uint Refused;
    public uint Sent;
    public uint Lost;
    public uint Reserved;
}

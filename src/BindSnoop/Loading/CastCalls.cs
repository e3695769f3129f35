using System.Runtime.InteropServices;

namespace BindSnoop.Loading;

/// <summary>The calls of bpf_rdonly_cast() in our BPF objects: see CAN_CAST in bpf/kernel.h.</summary>
internal static class CastCalls
{
    // Of struct bpf_insn (linux/bpf.h), in this order: code, registers, offset, immediate. BPF_JMP | BPF_CALL calls a helper,
    // and with BPF_PSEUDO_KFUNC_CALL for its source register a function of the kernel, by the number of its type.
    private const ulong Placeholder = (0x63617374UL << 32) | 0x85;
    private const ulong KernelCall = 0x2085;

    /// <summary>Puts in the function's number where an object has only a placeholder.</summary>
    /// <returns>How many calls there are.</returns>
    public static int Resolve(Span<byte> image, uint function)
    {
        int calls = 0;
        foreach (Range program in ElfImage.Programs(image))
        {
            foreach (ref ulong instruction in MemoryMarshal.Cast<byte, ulong>(image[program]))
            {
                if (instruction == Placeholder)
                {
                    instruction = ((ulong)function << 32) | KernelCall;
                    calls++;
                }
            }
        }

        return calls;
    }
}

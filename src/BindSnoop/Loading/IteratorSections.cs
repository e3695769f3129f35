using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>
/// The sections <c>iterator/NAME</c> of our BPF objects. They differ from libbpf's <c>iter/NAME</c> in who looks up the kernel's
/// number of the iterator: libbpf takes in all of the kernel's type information for that, which on one machine was half of
/// the time that a snapshot took.
/// </summary>
internal static unsafe class IteratorSections
{
    private static readonly Lock s_lock = new();
    private static bool s_registered;

    /// <summary>Makes them known to libbpf, before an object is opened that has any.</summary>
    public static void Register(KernelTypes types)
    {
        lock (s_lock)
        {
            if (s_registered)
            {
                return;
            }

            foreach (string name in KernelTypes.Iterators)
            {
                BpfSectionOptions options = new()
                {
                    Size = (nuint)sizeof(BpfSectionOptions),
                    Cookie = (nint)types.IteratorId(name),
                    PrepareLoad = &PrepareLoad,
                };

                // A program for tracing is reason enough for libbpf to take in the kernel's types: that this is one, it learns
                // when it has got past that.
                int result = LibBpf.libbpf_register_prog_handler($"iterator/{name}", LibBpf.BPF_PROG_TYPE_RAW_TRACEPOINT, LibBpf.BPF_TRACE_ITER, &options);
                BpfError.Check("BpfOpenFailed", "Opening the BPF object failed", result);
            }

            s_registered = true;
        }
    }

    [UnmanagedCallersOnly]
    private static int PrepareLoad(nint program, BpfProgramLoadOptions* options, nint iterator)
    {
        options->AttachBtfId = (uint)iterator;
        return LibBpf.bpf_program__set_type(program, LibBpf.BPF_PROG_TYPE_TRACING);
    }
}

namespace BindSnoop.Loading;

/// <summary>A kernel function that a tracer hooks by trampoline or kprobe.</summary>
/// <param name="Name">Its name; the programs are named after it.</param>
/// <param name="Required">What a kernel has that has it, if the back end is of no use without; others may be absent.</param>
/// <param name="ErrorsOnly">Hooked only if failures are wanted.</param>
/// <param name="Module">The kernel module that has it where the kernel itself does not.</param>
/// <param name="Optional">Whether the back end is of use without it, even if the module is there.</param>
/// <param name="Substitute">The function that is hooked instead where the kernel has only that one.</param>
internal sealed record HookedFunction(
    string Name, string? Required = null, bool ErrorsOnly = false, string? Module = null, bool Optional = false, string? Substitute = null);

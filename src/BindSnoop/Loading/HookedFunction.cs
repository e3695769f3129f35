namespace BindSnoop.Loading;

/// <summary>A kernel function that a tracer hooks by trampoline or kprobe.</summary>
/// <param name="Name">Its name; the programs are named after it.</param>
/// <param name="Required">Without it the back end is of no use; others may be absent from a kernel.</param>
/// <param name="ErrorsOnly">Hooked only if failures are wanted.</param>
internal sealed record HookedFunction(string Name, bool Required = false, bool ErrorsOnly = false);

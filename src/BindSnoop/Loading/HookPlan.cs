using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>Which programs of a tracer a back end takes, on this kernel.</summary>
internal static class HookPlan
{
    private const string Modules = "/sys/module";
    private const string Types = "/sys/kernel/btf";

    /// <exception cref="TraceException"><c>FunctionNotFound</c>: the kernel lacks what the back end cannot do without.</exception>
    public static IReadOnlySet<string> Of(TracerDefinition definition, Backend backend, bool includeError, KernelTypes types)
    {
        HashSet<string> programs = includeError ? [.. definition.RawTracepoints.Select(t => $"raw_{t}")] : [];
        if (backend == Backend.Tracepoint)
        {
            programs.UnionWith(definition.SystemCalls.SelectMany(c => new[] { $"sys_enter_{c}", $"sys_exit_{c}" }));
            return programs;
        }

        foreach (HookedFunction function in definition.Functions.Where(f => includeError || !f.ErrorsOnly))
        {
            if (types.HasFunction(function.Name) || IsInModule(function, backend))
            {
                programs.UnionWith(backend == Backend.Fentry
                    ? [$"fentry_{function.Name}", $"fexit_{function.Name}"]
                    : [$"kprobe_{function.Name}", $"kretprobe_{function.Name}"]);
            }
            else if (function.Required is { } required)
            {
                throw Missing(function, $"Use the Tracepoint back end, or a kernel with {required}.");
            }
        }

        return programs;
    }

    /// <summary>Whether a module that is loaded has the function; a trampoline takes that module's type information, too.</summary>
    /// <exception cref="TraceException">
    /// <c>FunctionNotFound</c>: it has, and the back end could not see the calls that it serves.
    /// </exception>
    private static bool IsInModule(HookedFunction function, Backend backend)
    {
        // Only modules that can be removed have a state.
        if (function.Module is not { } module || !File.Exists($"{Modules}/{module}/initstate"))
        {
            return false;
        }

        return backend == Backend.Kprobe || File.Exists($"{Types}/{module}")
            ? true
            : throw Missing(function, $"Use another back end, or a kernel whose module {module} has type information (CONFIG_DEBUG_INFO_BTF_MODULES=y).");
    }

    private static TraceException Missing(HookedFunction function, string remedy) => new(
        "FunctionNotFound",
        TraceErrorKind.NotImplemented,
        $"This kernel has no function {function.Name} to hook.",
        remedy)
    {
        RefusesBackend = true,
    };
}

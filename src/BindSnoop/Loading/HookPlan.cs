using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>Which programs of a tracer a back end takes, on this kernel.</summary>
internal static class HookPlan
{
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
            if (types.HasFunction(function.Name))
            {
                programs.UnionWith(backend == Backend.Fentry
                    ? [$"fentry_{function.Name}", $"fexit_{function.Name}"]
                    : [$"kprobe_{function.Name}", $"kretprobe_{function.Name}"]);
            }
            else if (function.Required)
            {
                throw new TraceException(
                    "FunctionNotFound",
                    TraceErrorKind.NotImplemented,
                    $"This kernel has no function {function.Name} to hook.",
                    "Use another back end, or a kernel with IPv4 networking.")
                {
                    RefusesBackend = true,
                };
            }
        }

        return programs;
    }
}

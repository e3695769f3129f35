using BindSnoop.Abi;
using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>Which programs of a tracer a back end takes, on this kernel.</summary>
/// <param name="Programs">Their names.</param>
/// <param name="CgroupHooks">What the programs are to know of each other.</param>
/// <param name="Blind">Which calls that are asked for it does not see; empty if it sees all.</param>
internal sealed record HookPlan(IReadOnlySet<string> Programs, CgroupHooks CgroupHooks, string Blind)
{
    private const string Modules = "/sys/module";
    private const string Types = "/sys/kernel/btf";

    private const string BlindOfCgroup =
        "Failed calls; raw, ping and SCTP sockets; IP_BIND_ADDRESS_NO_PORT with port 0; sctp_bindx(), bpf_bind().";

    private const string BlindBesideFunctions = "SCTP and L2TP sockets; sctp_bindx(), bpf_bind().";

    private const string BlindBesideTracepoint =
        "If made through io_uring or by 32-bit programs: failed calls; raw, ping and SCTP sockets; IP_BIND_ADDRESS_NO_PORT with port 0; sctp_bindx(), bpf_bind().";

    private static readonly ushort[] s_seenByCgroup = [6, 17, 33, 136, 262];

    /// <summary>Chooses.</summary>
    /// <exception cref="TraceException"><c>FunctionNotFound</c> and the like: this back end cannot do it here.</exception>
    public static HookPlan Of(TracerDefinition definition, Backend backend, TraceConfiguration configuration, KernelTypes types) => backend switch
    {
        Backend.Cgroup => Cgroup(definition, configuration, types),
        Backend.Tracepoint => new(Tracepoints(definition, configuration.IncludeError), CgroupHooks.None, definition.BlindOfTracepoint),
        _ => new(Functions(definition, backend, configuration.IncludeError, types), CgroupHooks.None, ""),
    };

    private static HookPlan Cgroup(TracerDefinition definition, TraceConfiguration configuration, KernelTypes types)
    {
        if (definition.Cgroup is not { } cgroup)
        {
            throw new TraceException(
                "NoCgroupPrograms",
                TraceErrorKind.InvalidArgument,
                "The Cgroup back end sees only binds and releases.",
                "Use another back end for these calls.")
            {
                RefusesBackend = true,
            };
        }

        if (cgroup.Blind is { } blind)
        {
            return new(new HashSet<string>(cgroup.Returns), CgroupHooks.Alone, blind);
        }

        Backend? beside = HookCheck.FirstOfFunctions(definition, types, Platform.Preempts);
        if (configuration.IncludeError || configuration.NamesAny(p => !s_seenByCgroup.Contains(p)))
        {
            IReadOnlySet<string> all = beside is { } functions
                ? Functions(definition, functions, configuration.IncludeError, types)
                : Tracepoints(definition, configuration.IncludeError);
            return new(new HashSet<string>([.. cgroup.Entries, .. cgroup.Returns, .. all]), CgroupHooks.AndAll, beside is null ? BlindBesideTracepoint : "");
        }

        if (beside is { } own)
        {
            return new(new HashSet<string>([.. cgroup.Entries, .. cgroup.Returns, .. Own(definition, cgroup, own, types)]), CgroupHooks.AndOwn, BlindBesideFunctions);
        }

        return new(
            (configuration.RequestMatters ? cgroup.Entries.Concat(cgroup.Returns) : cgroup.Returns).ToHashSet(), CgroupHooks.Alone, BlindOfCgroup);
    }

    // A kretprobe that finds its call noted down needs no kprobe, and a trampoline is cheaper still.
    private static IEnumerable<string> Own(TracerDefinition definition, CgroupDefinition cgroup, Backend backend, KernelTypes types)
    {
        Backend atReturn = backend == Backend.Fentry || HookCheck.Works(definition, Backend.Fentry, types) ? Backend.Fentry : Backend.Kprobe;
        IEnumerable<string> noPort = definition.Functions
            .Where(f => cgroup.NoPortFunctions.Contains(f.Name) && (types.HasFunction(f.Name) || IsInModule(f, atReturn)))
            .Select(f => $"{(atReturn == Backend.Fentry ? "fexit" : "kretprobe")}_{f.Name}{CgroupDefinition.NoPortSuffix}");
        return noPort.Concat(cgroup.OwnFunctions.Where(types.HasFunction).SelectMany(f => ProgramsOf(f, backend)));
    }

    // What every back end hooks besides, if failures are wanted.
    private static HashSet<string> Besides(TracerDefinition definition, bool includeError) =>
        includeError ? [.. definition.RawTracepoints.Select(t => $"raw_{t}")] : [];

    private static HashSet<string> Tracepoints(TracerDefinition definition, bool includeError) =>
        [
            .. Besides(definition, includeError),
            .. definition.SystemCalls.SelectMany(c => new[] { $"sys_enter_{c}", $"sys_exit_{c}" }),
            .. (definition.OwnTracepoints ?? []).Select(t => $"raw_{t}"),
        ];

    private static HashSet<string> Functions(TracerDefinition definition, Backend backend, bool includeError, KernelTypes types)
    {
        HashSet<string> programs = Besides(definition, includeError);
        foreach (HookedFunction function in definition.Functions.Where(f => includeError || !f.ErrorsOnly))
        {
            if (types.HasFunction(function.Name) || IsInModule(function, backend))
            {
                programs.UnionWith(ProgramsOf(function.Name, backend));
            }
            else if (function.Substitute is { } substitute && types.HasFunction(substitute))
            {
                programs.UnionWith(ProgramsOf(substitute, backend));
            }
            else if (function.Required is { } required)
            {
                throw Missing(function, $"Use the Tracepoint back end, or a kernel with {required}.");
            }
        }

        return programs;
    }

    private static string[] ProgramsOf(string function, Backend backend) => backend == Backend.Fentry
        ? [$"fentry_{function}", $"fexit_{function}"]
        : [$"kprobe_{function}", $"kretprobe_{function}"];

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

        return backend == Backend.Kprobe || File.Exists($"{Types}/{module}") ? true
            : function.Optional ? false
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

using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>
/// The programs of one tracer for one back end, in the kernel, and once attached what hooks them. Disposal leaves
/// nothing there. One thread at a time.
/// </summary>
internal sealed class LoadedTracer : IDisposable
{
    private readonly Hooks _hooks = new();

    private LoadedTracer(TracerDefinition definition, Backend backend, TraceConfiguration configuration)
    {
        KernelTypes types = definition.Types ?? TracerDefinition.KernelTypes;
        string refused = $"The kernel refused the BPF programs of the {backend} back end";
        Definition = definition;
        Backend = backend;
        LibBpfLog.Begin();
        try
        {
            HookCheck.Check(definition, backend, types, refused);

            // Only compiled programs can call functions of the kernel.
            Object = new TracerObject(definition.LoadObject(types.HasCast && Platform.Jit != false));
            HookPlan plan = HookPlan.Of(definition, backend, configuration, types);
            Blind = plan.Blind;
            Object.Choose(plan.Programs.Concat(configuration.Cgroups.Programs).ToHashSet());
            if (!Object.Programs.Any(p => Hooks.IsEntry(TracerObject.NameOf(p))))
            {
                // Nothing to remember from an entry to a return.
                Object.Resize("calls", 1);
            }

            if (definition.Memory is { } memory && backend != Backend.Tracepoint)
            {
                Object.Resize(memory, configuration.BoundCapacity);
            }

            if (definition.Cgroup is { Entries.Count: > 0 } cgroup && !cgroup.Entries.Any(plan.Programs.Contains))
            {
                Object.Resize("cgroup_calls", 1);
            }

            configuration.Configure(Object, types, plan.CgroupHooks);
            Object.Load(refused);
            _hooks.Attach(Object, configuration.Cgroups.Programs);
            configuration.Fill(Object);
        }
        catch
        {
            _hooks.Detach();
            Object?.Dispose();
            throw;
        }
        finally
        {
            LibBpfLog.End();
        }
    }

    public TracerDefinition Definition { get; }

    public Backend Backend { get; }

    public TracerObject Object { get; }

    /// <summary>Which calls that are asked for it does not see; empty if it sees all.</summary>
    public string Blind { get; }

    /// <summary>Whether its programs run no more.</summary>
    public bool IsDetached { get; private set; }

    /// <summary>Loads for the back end requested, or the best that works, and opens what reads of it.</summary>
    /// <param name="open">Is to <see cref="Attach"/>; what it throws disposes of the tracer.</param>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static T Open<T>(
        TracerDefinition definition, TraceConfiguration configuration, Backend backend, Func<LoadedTracer, T> open, out IReadOnlyList<BackendRefusal> refusals)
    {
        return BackendSelection.Open(
            backend,
            definition.Cgroup,
            () => HookCheck.Works(definition, Backend.Fentry, definition.Types ?? TracerDefinition.KernelTypes),
            candidate =>
            {
                LoadedTracer tracer = new(definition, candidate, configuration);
                try
                {
                    return open(tracer);
                }
                catch
                {
                    tracer.Dispose();
                    throw;
                }
            },
            out refusals);
    }

    /// <exception cref="TraceException"><c>BpfAttachFailed</c>, or what tracefs lacks.</exception>
    public void Attach()
    {
        LibBpfLog.Begin();
        try
        {
            _hooks.Attach(Object);
        }
        finally
        {
            LibBpfLog.End();
        }
    }

    /// <summary>Detaches everything; what is in the maps can still be read.</summary>
    public void Detach()
    {
        _hooks.Detach();
        IsDetached = true;
    }

    public void Dispose()
    {
        Detach();
        Object.Dispose();
    }
}

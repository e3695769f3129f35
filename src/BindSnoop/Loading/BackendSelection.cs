using BindSnoop.Host;

namespace BindSnoop.Loading;

/// <summary>Which back end a trace takes: the one requested, or the first that works.</summary>
internal static class BackendSelection
{
    private static readonly Backend[] s_preempting = [Backend.Cgroup, Backend.Kprobe, Backend.Fentry, Backend.Tracepoint];
    private static readonly Backend[] s_preemptingFunctionsFirst = [Backend.Kprobe, Backend.Cgroup, Backend.Fentry, Backend.Tracepoint];
    private static readonly Backend[] s_others = [Backend.Fentry, Backend.Kprobe, Backend.Cgroup, Backend.Tracepoint];

    /// <summary>Opens with the back end requested, or the best that works.</summary>
    /// <param name="asked">Perhaps <see cref="Backend.Auto"/>.</param>
    /// <param name="cgroup">What <see cref="Backend.Cgroup"/> hooks; null if it is not one to think of.</param>
    /// <param name="trampolinesWork">Whether <see cref="Backend.Fentry"/> would do, if it were not for what it loses.</param>
    /// <param name="open">Throws an exception that <see cref="TraceException.RefusesBackend"/> to have the next one tried.</param>
    /// <param name="refusals">The back ends that were not taken before, and why.</param>
    public static T Open<T>(Backend asked, CgroupDefinition? cgroup, Func<bool> trampolinesWork, Func<Backend, T> open, out IReadOnlyList<BackendRefusal> refusals)
    {
        List<BackendRefusal> refused = [];
        refusals = refused;
        if (asked != Backend.Auto)
        {
            return open(asked);
        }

        bool preempts = Platform.Preempts;
        foreach (Backend backend in (!preempts ? s_others : cgroup?.Blind is null ? s_preempting : s_preemptingFunctionsFirst).Where(b => cgroup is not null || b != Backend.Cgroup))
        {
            try
            {
                T opened = open(backend);
                if (preempts && backend is (Backend.Cgroup or Backend.Kprobe) && trampolinesWork())
                {
                    refused.Add(new(Backend.Fentry, ProgramsPreempted()));
                }

                return opened;
            }
            catch (TraceException exception) when (exception.RefusesBackend)
            {
                refused.Add(new(backend, exception));
            }
        }

        throw new TraceException(
            "NoBackend",
            TraceErrorKind.NotImplemented,
            "No back end works on this machine. " + string.Join(" ", refused),
            Platform.IsLockedDown ? Platform.LockdownAdvice : "The support report shows what is missing and how to fix it.",
            inner: refused[^1].Error);
    }

    private static TraceException ProgramsPreempted() => new(
        "ProgramsPreempted",
        TraceErrorKind.NotImplemented,
        "This kernel preempts: while a program is interrupted, the kernel skips it for other threads on the same processor.",
        "Select it by name if its lower cost matters more than seeing every event under heavy load.");
}

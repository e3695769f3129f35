using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>Errors of bpf(2) and of libbpf, with what libbpf said of them.</summary>
internal static class BpfError
{
    /// <param name="errorId">Of the exception.</param>
    /// <param name="what">What failed, as the beginning of a sentence.</param>
    /// <param name="result">A negative errno.</param>
    /// <param name="refusesBackend">Whether another back end may work where this failed.</param>
    public static TraceException From(string errorId, string what, int result, bool refusesBackend = false)
    {
        string log = LibBpfLog.End();
        LibBpfLog.Begin();
        TraceException error = TraceException.FromErrno(errorId, what, -result, AdviceFor(-result));
        return new TraceException(
            errorId, error.Kind, error.Message, error.RecommendedAction, inner: log.Length > 0 ? new InvalidOperationException(log) : null)
        {
            RefusesBackend = refusesBackend,
        };
    }

    /// <summary>Throws if a result is a negative errno.</summary>
    public static void Check(string errorId, string what, int result, bool refusesBackend = false)
    {
        if (result < 0)
        {
            throw From(errorId, what, result, refusesBackend);
        }
    }

    /// <summary>What to do about an error of bpf(2) or perf_event_open(2) in a process that has the capabilities.</summary>
    private static string AdviceFor(int errno) => errno switch
    {
        Errno.EPERM or Errno.EINVAL when Platform.IsLockedDown => Platform.LockdownAdvice,
        // 5.11 charges BPF memory to cgroups instead (d5299b67dd59, "bpf: Memcg-based memory accounting for bpf maps").
        Errno.EPERM or Errno.ENOMEM when Platform.MemoryLockLimit() != "unlimited" && Platform.KernelVersion < new Version(5, 11) =>
            $"Raise the limit of locked memory, which is {Platform.MemoryLockLimit()} bytes: 'ulimit -l unlimited', or LimitMEMLOCK=infinity in a systemd unit.",
        Errno.EPERM or Errno.EACCES =>
            "This kernel does not permit it; in a container, CAP_BPF and CAP_PERFMON must be held on the host. Try another back end.",
        Errno.E2BIG => "Use a smaller buffer or shorter filters; if too many traces run on this machine (a tracepoint takes 64 programs), stop some.",
        Errno.ENOMEM => "Use a smaller buffer or shorter filters, or raise the memory limit of this process.",
        Errno.EMFILE or Errno.ENFILE => "Raise the limit of open files ('ulimit -n'), or stop other traces.",
        _ => "Try another back end; the support report shows which ones work.",
    };
}

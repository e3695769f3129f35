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
        TraceException error = TraceException.FromErrno(errorId, what, -result, Platform.AdviceFor(-result));
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
}

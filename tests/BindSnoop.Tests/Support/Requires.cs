using System.Collections.Concurrent;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Skips a test, with the reason, where the machine lacks what it takes.</summary>
internal static class Requires
{
    /// <summary>
    /// Back ends that must work here, by name, separated by commas: with one of these a test fails that would
    /// be skipped otherwise.
    /// </summary>
    private const string MustWork = "BINDSNOOP_TEST_BACKENDS";

    private static readonly string[] s_refusals =
    [
        "NotPrivileged", "LibBpfNotFound", "BtfNotFound", "BpfLoadFailed", "BpfAttachFailed", "FunctionNotFound",
        "TraceFsUnavailable", "TracepointNotFound", "NoBackend", "KprobesUnavailable", "FtraceDisabled",
        "NotProven", "CgroupTaken", "CgroupRootNotVisible", "CgroupsUnavailable",
    ];

    /// <summary>The outcome of each back end that was tried.</summary>
    private static readonly ConcurrentDictionary<Backend, TraceException?> s_tried = new();

    /// <summary>Root, and a kernel on which some back end works.</summary>
    public static void Tracing()
    {
        Tracing(Backend.Auto);
    }

    /// <summary>libbpf, without any privilege.</summary>
    public static void LibBpf()
    {
        try
        {
            Interop.LibBpf.EnsureLoaded();
        }
        catch (TraceException exception)
        {
            Assert.Skip(exception.Message);
        }
    }

    /// <summary>Root, and a kernel on which this back end works.</summary>
    public static void Tracing(Backend backend)
    {
        if (Refusal(backend) is { } refusal)
        {
            Skip(backend, refusal);
        }
    }

    /// <summary>Why tests of a back end are skipped here; null if they are to run.</summary>
    public static string? WhyNot(Backend backend) => IsRequired(backend) ? null : Refusal(backend)?.Message;

    /// <summary>Whether a back end can be used here.</summary>
    public static bool Works(Backend backend) => Refusal(backend) is null;

    /// <summary>Skips the test, unless the back end was requested.</summary>
    public static void Skip(Backend backend, TraceException refusal)
    {
        if (IsRequired(backend))
        {
            Assert.Fail($"{backend} must work here ({MustWork}): {refusal.ErrorId}: {refusal.Message} {refusal.InnerException?.Message}");
        }

        Assert.Skip(refusal.Message);
    }

    /// <summary>Whether an exception says that a back end cannot be used here, as opposed to being at fault.</summary>
    public static bool IsRefusal(TraceException exception) => s_refusals.Contains(exception.ErrorId);

    private static bool IsRequired(Backend backend) =>
        (Environment.GetEnvironmentVariable(MustWork) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Any(name => backend == Backend.Auto || name.Equals(backend.ToString(), StringComparison.OrdinalIgnoreCase));

    private static TraceException? Refusal(Backend backend) => s_tried.GetOrAdd(backend, TryOpen);

    private static TraceException? TryOpen(Backend backend)
    {
        try
        {
            using BindTracer tracer = new(new TraceOptions { Backend = backend });
            return null;
        }
        catch (TraceException exception) when (IsRefusal(exception))
        {
            return exception;
        }
    }
}

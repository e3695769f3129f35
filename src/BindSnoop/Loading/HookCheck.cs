using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>Finds out, before anything is loaded, that hooks could not be attached, or would never be called.</summary>
internal static unsafe class HookCheck
{
    private const ulong ReturnValueZero = 0xb7;
    private const ulong Exit = 0x95;

    private const nint BpfNumberOfArm64 = 280;
    private const nint RawTracepointOpen = 17;

    /// <summary>Which of the back ends that hook functions works here; null if none does.</summary>
    /// <param name="preempts">Whether to think of <see cref="Backend.Kprobe"/> first.</param>
    public static Backend? FirstOfFunctions(TracerDefinition definition, KernelTypes types, bool preempts)
    {
        foreach (Backend backend in preempts ? [Backend.Kprobe, Backend.Fentry] : new[] { Backend.Fentry, Backend.Kprobe })
        {
            if ((backend == Backend.Fentry || Capabilities.MayOpenPerfEvents) && Works(definition, backend, types))
            {
                return backend;
            }
        }

        return null;
    }

    /// <summary>Whether hooks of this back end can be attached, and would be called.</summary>
    public static bool Works(TracerDefinition definition, Backend backend, KernelTypes types)
    {
        try
        {
            Check(definition, backend, types, "");
            return true;
        }
        catch (TraceException exception) when (exception.RefusesBackend)
        {
            return false;
        }
    }

    /// <exception cref="TraceException"><c>FtraceDisabled</c>, <c>KprobesUnavailable</c> or <c>BpfLoadFailed</c>.</exception>
    public static void Check(TracerDefinition definition, Backend backend, KernelTypes types, string refused)
    {
        if (backend is Backend.Tracepoint or Backend.Cgroup)
        {
            return;
        }

        // Trampolines and kprobes at a function's entry both go through ftrace, and attaching says nothing of this.
        if (SystemFile.ReadText("/proc/sys/kernel/ftrace_enabled").Trim() == "0")
        {
            throw new TraceException(
                "FtraceDisabled",
                TraceErrorKind.NotImplemented,
                "Function tracing is switched off on this machine (kernel.ftrace_enabled is 0).",
                "Switch it on: 'sysctl kernel.ftrace_enabled=1'; or use the Tracepoint back end.")
            {
                RefusesBackend = true,
            };
        }

        if (backend == Backend.Kprobe && !Directory.Exists("/sys/bus/event_source/devices/kprobe"))
        {
            throw new TraceException(
                "KprobesUnavailable",
                TraceErrorKind.NotImplemented,
                "This kernel has no kprobes.",
                "Run a kernel built with CONFIG_KPROBE_EVENTS=y, and make sure that /sys is mounted; or use another back end.")
            {
                RefusesBackend = true,
            };
        }

        if (backend == Backend.Fentry)
        {
            CheckTrampolines(definition, types, refused);
        }
    }

    /// <summary>
    /// Asks the kernel with a program that does nothing: for the real ones libbpf reads all of the kernel's type
    /// information first, most of the time it takes to learn that they are refused.
    /// </summary>
    private static void CheckTrampolines(TracerDefinition definition, KernelTypes types, string refused)
    {
        if (definition.Functions.FirstOrDefault(f => types.HasFunction(f.Name)) is not { } function)
        {
            return;
        }

        ulong* instructions = stackalloc ulong[] { ReturnValueZero, Exit };
        BpfProgramLoadOptions options = new()
        {
            Size = (nuint)sizeof(BpfProgramLoadOptions),
            ExpectedAttachType = LibBpf.BPF_TRACE_FEXIT,
            AttachBtfId = types.FunctionId(function.Name),
        };
        int program = LibBpf.bpf_prog_load(LibBpf.BPF_PROG_TYPE_TRACING, "trampoline", "GPL", instructions, 2, options);
        BpfError.Check("BpfLoadFailed", refused, program, refusesBackend: true);
        using FileDescriptor loaded = new(program);
        if (RuntimeInformation.ProcessArchitecture == Architecture.Arm64)
        {
            CheckAttaching(loaded, function.Name);
        }
    }

    // There, kernels before 6.4 load it, and then cannot attach it.
    private static void CheckAttaching(FileDescriptor program, string function)
    {
        // union bpf_attr for this command: a name, which is for others, and the program.
        ulong* attributes = stackalloc ulong[] { 0, (ulong)program.Value };
        using FileDescriptor link = new((int)Libc.syscall5(BpfNumberOfArm64, RawTracepointOpen, (nint)attributes, 2 * sizeof(ulong), 0, 0));
        if (link.IsInvalid)
        {
            throw BpfError.From("BpfAttachFailed", $"Attaching to {function} failed", -Marshal.GetLastPInvokeError(), refusesBackend: true);
        }
    }
}

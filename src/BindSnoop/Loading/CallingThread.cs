using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>The thread that asks, as BPF programs know it.</summary>
internal static unsafe class CallingThread
{
    // "call bpf_get_current_pid_tgid", "exit".
    private const ulong CallGetCurrentPidTgid = 0x85 | 14ul << 32;
    private const ulong Exit = 0x95;

    /// <summary>
    /// Its id in the initial PID namespace, which from within another one only a BPF program can see; 0 if none may be
    /// run for it.
    /// </summary>
    public static uint InitialId()
    {
        ulong* instructions = stackalloc ulong[] { CallGetCurrentPidTgid, Exit };
        BpfProgramLoadOptions options = new() { Size = (nuint)sizeof(BpfProgramLoadOptions) };
        using FileDescriptor program = new(LibBpf.bpf_prog_load(LibBpf.BPF_PROG_TYPE_RAW_TRACEPOINT, "calling_thread", "GPL", instructions, 2, options));
        if (program.IsInvalid)
        {
            return 0;
        }

        // Since 5.10: 1b4d60ec162f, "bpf: Enable BPF_PROG_TEST_RUN for raw_tracepoint".
        BpfTestRunOptions run = new() { Size = (nuint)sizeof(BpfTestRunOptions) };
        return LibBpf.bpf_prog_test_run_opts(program.Value, ref run) == 0 ? run.Result : 0;
    }
}

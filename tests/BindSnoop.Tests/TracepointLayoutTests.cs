using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// What the tracepoints of system calls hand to a program has another layout where a distribution has let struct
/// trace_entry grow (RHEL 9.3), and the kernel then refuses programs that read beyond what it declares.
/// </summary>
public sealed unsafe class TracepointLayoutTests
{
    private static readonly bool[] s_both = [false, true];

    public static IEnumerable<TheoryDataRow<string, bool>> Objects() =>
        from definition in TracerDefinition.All
        from cast in s_both
        select new TheoryDataRow<string, bool>(definition.ObjectName, cast);

    /// <summary>
    /// The programs read arguments and results from the registers alone: the kernel attaches them to a call that has no
    /// arguments, whose tracepoint delivers nothing that they could read.
    /// </summary>
    [Theory]
    [MemberData(nameof(Objects))]
    public void ProgramsDoNotDependOnIt(string objectName, bool cast)
    {
        Requires.Tracing(Backend.Tracepoint);
        Assert.SkipUnless(TracerDefinition.KernelTypes.HasTaskRegisters, "before 5.15 programs cannot read the registers");
        Assert.SkipUnless(TracerDefinition.KernelTypes.HasCast || !cast, "before 6.2 programs cannot cast");
        TracerDefinition definition = TracerDefinition.All.Single(d => d.ObjectName == objectName);
        HashSet<string> wanted = [.. definition.SystemCalls.SelectMany(c => new[] { $"sys_enter_{c}", $"sys_exit_{c}" })];
        using TracerObject target = new(definition.LoadObject(cast));
        target.Choose(wanted);
        Assert.Equal(wanted.Count, target.Programs.Count);
        target.Load("refused");
        foreach (nint program in target.Programs)
        {
            using FileDescriptor perfEvent = OpenTracepoint(TraceFs.TracepointId("sys_enter_getpid"));
            using BpfLink link = LibBpf.bpf_program__attach_perf_event(program, perfEvent.Value);
            Assert.False(link.IsInvalid, $"errno {Marshal.GetLastPInvokeError()}");
            perfEvent.SetHandleAsInvalid();
        }
    }

    private static FileDescriptor OpenTracepoint(int id)
    {
        // struct perf_event_attr of its first size (perf_event_open(2)): type (a tracepoint), size, config, sample period.
        const int Size = 64;
        byte* attributes = stackalloc byte[Size];
        new Span<byte>(attributes, Size).Clear();
        *(uint*)attributes = 2;
        *(uint*)(attributes + 4) = Size;
        *(ulong*)(attributes + 8) = (ulong)id;
        *(ulong*)(attributes + 16) = 1;
        long number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 241 : 298;
        return new((int)Libc.syscall5(number, (nint)attributes, -1, 0, -1, 0));
    }
}

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
        byte[] image = definition.LoadObject(cast);
        if (cast)
        {
            CastCalls.Resolve(image, TracerDefinition.KernelTypes.CastId);
        }

        fixed (byte* pointer = image)
        {
            using BpfObject bpf = LibBpf.bpf_object__open_mem(pointer, (nuint)image.Length, null);
            List<nint> programs = [];
            for (nint program = 0; (program = LibBpf.bpf_object__next_program(bpf, program)) != 0;)
            {
                bool load = wanted.Contains(Marshal.PtrToStringUTF8((nint)LibBpf.bpf_program__name(program))!);
                LibBpf.bpf_program__set_autoload(program, load);
                if (load)
                {
                    programs.Add(program);
                }
            }

            Assert.Equal(wanted.Count, programs.Count);
            Assert.Equal(0, LibBpf.bpf_object__load(bpf));
            foreach (nint program in programs)
            {
                using FileDescriptor perfEvent = OpenTracepoint(TraceFs.TracepointId("sys_enter_getpid"));
                using BpfLink link = LibBpf.bpf_program__attach_perf_event(program, perfEvent.Value);
                Assert.False(link.IsInvalid, $"errno {Marshal.GetLastPInvokeError()}");
                perfEvent.SetHandleAsInvalid();
            }
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

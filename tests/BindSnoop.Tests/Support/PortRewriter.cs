using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BindSnoop.Interop;

namespace BindSnoop.Tests;

/// <summary>A program on a cgroup that makes binds of IPv4 sockets to one port binds to another.</summary>
internal sealed unsafe class PortRewriter : IDisposable
{
    // linux/bpf.h: BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, BPF_PROG_ATTACH.
    private const uint CgroupSockAddress = 18;
    private const uint Inet4Bind = 8;
    private const int ProgramAttach = 8;
    private const int UserPort = 24; // in struct bpf_sock_addr

    private readonly FileDescriptor _program;
    private readonly FileDescriptor _cgroup;

    public PortRewriter(string cgroup, int from, int to)
    {
        ulong* instructions = stackalloc ulong[]
        {
            Instruction(0x61, 2, 1, UserPort, 0), // r2 = *(u32 *)(r1 + 24)
            Instruction(0x55, 2, 0, 2, Big(from)), // if r2 != from goto +2
            Instruction(0xb7, 2, 0, 0, Big(to)), // r2 = to
            Instruction(0x63, 1, 2, UserPort, 0), // *(u32 *)(r1 + 24) = r2
            Instruction(0xb7, 0, 0, 0, 1), // r0 = 1
            Instruction(0x95, 0, 0, 0, 0), // exit
        };
        BpfProgramLoadOptions options = new() { Size = (nuint)sizeof(BpfProgramLoadOptions), ExpectedAttachType = Inet4Bind };
        _program = new FileDescriptor(LibBpf.bpf_prog_load(CgroupSockAddress, "rewrite", "GPL", instructions, 6, options));
        _cgroup = Host.Cgroups.Open(cgroup);

        // The cgroup, the program, the type; it goes along with the cgroup.
        uint* attach = stackalloc uint[] { (uint)_cgroup.Value, (uint)_program.Value, Inet4Bind, 0 };
        long number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 280 : 321;
        if (_program.IsInvalid || _cgroup.IsInvalid || Libc.syscall5(number, ProgramAttach, (nint)attach, 16, 0, 0) < 0)
        {
            throw new InvalidOperationException($"errno {Marshal.GetLastPInvokeError()}");
        }
    }

    public void Dispose()
    {
        _program.Dispose();
        _cgroup.Dispose();
    }

    private static int Big(int port) => BinaryPrimitives.ReverseEndianness((ushort)port);

    private static ulong Instruction(byte code, int destination, int source, short offset, int immediate) =>
        code | ((ulong)(destination | (source << 4)) << 8) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}

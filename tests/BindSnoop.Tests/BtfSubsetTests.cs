using BindSnoop.Host;
using BindSnoop.Interop;
using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Programs are the same whether libbpf goes by all types of the kernel or by those that are needed.</summary>
public sealed unsafe class BtfSubsetTests
{
    [Theory]
    [InlineData("bind", "sys_enter_bind", "sys_exit_bind", "cgroup_post_bind4", "cgroup_post_bind6")]
    [InlineData("accept", "sys_enter_accept4", "sys_exit_accept4", "raw_signal_deliver")]
    [InlineData("listen", "sys_enter_listen", "sys_exit_listen")]
    [InlineData("release", "raw_inet_sock_set_state")]
    [InlineData("sockets", "files")]
    [InlineData("sockets", "walk_steps")]
    [InlineData("sockets", "walk_loop")]
    [InlineData("sockets", "owners")]
    public void ProgramsAreTheSame(string name, params string[] programs)
    {
        Requires.Tracing();
        Assert.SkipWhen(programs[0] is "walk_loop" or "owners" && !TracerDefinition.KernelTypes.HasLoop, "before 5.17 programs cannot loop as often as they like");
        byte[] image = TracerDefinition.LoadObject(name, TracerDefinition.KernelTypes.HasCast && Platform.Jit != false);
        byte[]? types = BtfSubset.Make(KernelTypes.Read(), image);
        Assert.SkipWhen(types is null, "this kernel lacks a type");
        Assert.Equal(Tags(image, null, programs), Tags(image, types, programs));
    }

    /// <summary>libbpf may find them in a module.</summary>
    [Fact]
    public void MissingTypes() =>
        Assert.Null(BtfSubset.Make(BpfTypes.Raw("bind", "x64"), TracerDefinition.LoadObject("sockets", "x64")));

    // A tag is the kernel's hash of a program's instructions: struct bpf_prog_info (linux/bpf.h).
    private static string[] Tags(byte[] image, byte[]? types, string[] programs)
    {
        const int Tag = 8;
        const int TagSize = 8;
        using TracerObject target = new(image, types);
        target.Choose(programs.ToHashSet());
        target.Load("refused");
        return [.. programs.Select(p =>
        {
            byte* info = stackalloc byte[Tag + TagSize];
            uint length = Tag + TagSize;
            Assert.Equal(0, LibBpf.bpf_obj_get_info_by_fd(LibBpf.bpf_program__fd(target.Program(p)), info, ref length));
            return Convert.ToHexString(new ReadOnlySpan<byte>(info + Tag, TagSize));
        })];
    }
}

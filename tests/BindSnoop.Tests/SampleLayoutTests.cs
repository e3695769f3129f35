using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using BindSnoop.Abi;
using BindSnoop.Interop;
using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// The structures that the BPF programs and the reader share: the same members at the same places on both
/// sides, in the objects of both architectures.
/// </summary>
public sealed class SampleLayoutTests
{
    private static readonly string[] s_architectures = ["arm64", "arm64-cast", "x64", "x64-cast"];

    private static readonly (string Object, string Structure, Type Reader)[] s_shared =
    [
        ("bind", "origin", typeof(SampleOrigin)),
        ("bind", "endpoint", typeof(SampleEndpoint)),
        ("bind", "bind_sample", typeof(BindSample)),
        ("bind", "bind_count_key", typeof(BindCountKey)),
        ("bind", "owned_count_key", typeof(OwnedCountKey)),
        ("bind", "config", typeof(TraceConfig)),
        ("bind", "counters", typeof(Counters)),
        ("bind", "proof", typeof(ProofState)),
        ("bind", "reader", typeof(ReaderState)),
        ("bind", "cgroup_state", typeof(CgroupState)),
        ("bind", "cgroup_place", typeof(CgroupPlace)),
        ("bind", "cgroup_paths", typeof(CgroupPaths)),
        ("bind", "cgroup_part", typeof(CgroupPart)),
        ("bind", "call_key", typeof(CallKey)),
        ("bind", "call", typeof(Call)),
        ("bind", "address_key", typeof(AddressKey)),
        ("accept", "origin", typeof(SampleOrigin)),
        ("accept", "accept_sample", typeof(AcceptSample)),
        ("accept", "config", typeof(TraceConfig)),
        ("accept", "counters", typeof(Counters)),
        ("listen", "listen_sample", typeof(ListenSample)),
        ("release", "release_sample", typeof(ReleaseSample)),
        ("release", "counters", typeof(Counters)),
        ("sockets", "socket_sample", typeof(SocketSample)),
        ("sockets", "socket_request", typeof(SocketRequest)),
        ("sockets", "socket_config", typeof(SocketConfig)),
        ("sockets", "socket_walk", typeof(SocketWalk)),
    ];

    public static IEnumerable<TheoryDataRow<string, string, string>> Shared() =>
        from architecture in s_architectures
        from shared in s_shared
        select new TheoryDataRow<string, string, string>(architecture, shared.Object, shared.Structure);

    [Theory]
    [MemberData(nameof(Shared))]
    public void SameLayout(string architecture, string objectName, string structure)
    {
        Requires.LibBpf();
        Type reader = s_shared.Single(s => s.Object == objectName && s.Structure == structure).Reader;
        using BpfTypes types = new(objectName, architecture);
        (long size, IReadOnlyList<BpfMember> members) = types.Structure(structure);
        Assert.Equal(members.Select(m => m with { Name = PascalCase(m.Name) }), Fields(reader));
        Assert.Equal(size, SizeOf(reader));
    }

    /// <summary>Every tracer, and the snapshot, has its objects for both architectures.</summary>
    [Fact]
    public void EveryTracerHasItsObjects() =>
        Assert.Equal(
            TracerDefinition.All.Select(d => d.ObjectName).Append("sockets").SelectMany(o => s_architectures.Select(a => $"bpf/{o}.{a}.o.gz")).Order(),
            typeof(TracerDefinition).Assembly.GetManifestResourceNames().Where(n => n.StartsWith("bpf/", StringComparison.Ordinal)).Order());

    private static string PascalCase(string name) =>
        string.Concat(name.Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]));

    private static IEnumerable<BpfMember> Fields(Type type) =>
        type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Select(f => new BpfMember(f.Name, OffsetOf(f), SizeOf(f.FieldType)))
            .OrderBy(m => m.Offset);

    private static long SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    /// <summary>Where a field really is; Marshal.OffsetOf would return its place in unmanaged memory.</summary>
    private static long OffsetOf(FieldInfo field)
    {
        DynamicMethod method = new("", typeof(long), [field.DeclaringType!.MakeByRefType()], typeof(SampleLayoutTests).Module, skipVisibility: true);
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldflda, field);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Sub);
        code.Emit(OpCodes.Conv_I8);
        code.Emit(OpCodes.Ret);
        return (long)method.Invoke(null, [Activator.CreateInstance(field.DeclaringType!)])!;
    }
}

using BindSnoop.Kernel;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Machines that lack what tracing takes: each gives one clear error.</summary>
public sealed class MissingPiecesTests
{
    [Fact]
    public void WithoutLibBpf()
    {
        Requires.Tracing();
        string library = File.ReadLines("/proc/self/maps").Select(l => l[(l.LastIndexOf(' ') + 1)..]).First(p => p.Contains("/libbpf.so", StringComparison.Ordinal));
        (int status, string output) = RunWith($"mount --bind /dev/null '{library}'");
        Assert.Equal(PrivilegeTests.Refused, status);
        Assert.Equal("LibBpfNotFound: The library libbpf.so.1 is not installed on this machine.", output);
    }

    [Fact]
    public void WithoutTypeInformation()
    {
        Requires.Tracing();
        (int status, string output) = RunWith("mount -t tmpfs none /sys/kernel/btf");
        Assert.Equal(PrivilegeTests.Refused, status);
        Assert.StartsWith("BtfNotFound: This kernel gives no type information (/sys/kernel/btf/vmlinux): ", output);
    }

    [Fact]
    public void OnAnotherSystem() => Assert.Equal("NotLinux", Assert.Throws<TraceException>(() => Platform.EnsureLinux(false)).ErrorId);

    /// <summary>Runs the child in a mount namespace of its own, in which something has been hidden.</summary>
    private static (int Status, string Output) RunWith(string mount) =>
        Child.Under(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", $"{mount}; exec \"$@\"", "sh"],
            Child.TraceItself,
            new Dictionary<string, string> { [PrivilegeTests.BackendVariable] = nameof(Backend.Auto) });
}

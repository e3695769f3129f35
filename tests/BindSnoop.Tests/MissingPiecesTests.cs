using System.Collections.Immutable;
using System.Reflection;
using BindSnoop.Host;
using BindSnoop.Interop;
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
        Assert.StartsWith("BtfNotFound: This kernel provides no type information (/sys/kernel/btf/vmlinux): ", output);
    }

    /// <summary>A library that lacks one of them is refused at once, so the list must have them all.</summary>
    [Fact]
    public void WhatIsUsedOfLibBpfIsLookedFor()
    {
        FieldInfo list = typeof(LibBpf).GetField("s_functions", BindingFlags.NonPublic | BindingFlags.Static)!;
        Assert.Equal(
            typeof(LibBpf).GetMethods(BindingFlags.Public | BindingFlags.Static).Select(m => m.Name).Where(n => n.Contains("bpf_", StringComparison.Ordinal)).Order(),
            ((string[])list.GetValue(null)!).Order());
    }

    /// <summary>The files are those of the distributions; what they lead to is what installs a libbpf.so.1 there, if anything does.</summary>
    [Theory]
    [InlineData("ID=debian\nVERSION_ID=\"12\"", "Install libbpf 1.0 or later: 'apt install libbpf1'; or use ")]
    [InlineData("ID=debian\nVERSION_ID=\"11\"", "This release has no libbpf 1.0: use ")]
    [InlineData("PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian", "Install libbpf 1.0 or later: 'apt install libbpf1'; or use ")]
    [InlineData("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"", "This release has no libbpf 1.0: use ")]
    [InlineData("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"", "Install libbpf 1.0 or later: 'apt install libbpf1'; or use ")]
    [InlineData("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"", "Install libbpf 1.0 or later: 'apt install libbpf1'; or use ")]
    [InlineData("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"8.10\"", "This release has no libbpf 1.0: use ")]
    [InlineData("ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.4\"", "Install libbpf 1.0 or later: 'dnf install libbpf'; or use ")]
    [InlineData("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"15.6\"", "Install libbpf 1.0 or later: 'zypper install libbpf1'; or use ")]
    [InlineData("ID=alpine\nVERSION_ID=3.22.1", "Install libbpf 1.0 or later: 'apk add libbpf'; or use ")]
    [InlineData("ID=something\nrubbish\n=\n", "Install libbpf 1.0 or later: 'apt install libbpf1' (Debian, Ubuntu), 'dnf install libbpf' (Fedora); or use ")]
    [InlineData("", "Install libbpf 1.0 or later: 'apt install libbpf1' (Debian, Ubuntu), 'dnf install libbpf' (Fedora); or use ")]
    public void TheAdviceIsForTheDistribution(string osRelease, string advice) => Assert.StartsWith(advice, LibBpfAdvice.For(osRelease));

    [Fact]
    public void TheFileOfLibBpfIsNamed()
    {
        Requires.LibBpf();
        Assert.Contains(LibBpf.LoadedFrom(), File.ReadLines("/proc/self/maps").Select(l => l[(l.LastIndexOf(' ') + 1)..]).Where(p => p.Contains("/libbpf.so", StringComparison.Ordinal)));
    }

    /// <summary>Kernels before 5.11 charge maps to the limit of locked memory; later ones do not care.</summary>
    [Fact]
    public void WithoutLockedMemory()
    {
        Requires.Tracing();
        (int status, string output) = Child.Under(
            ["prlimit", "--memlock=4096:4096", "setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource", "--"],
            Child.Advice,
            ImmutableDictionary<string, string>.Empty);
        bool charged = Version.Parse(File.ReadAllText("/proc/sys/kernel/osrelease").Split('-', '+', '\n')[0]) < new Version(5, 11);
        Assert.Equal(0, status);
        Assert.StartsWith(charged ? "BpfLoadFailed: Raise the limit of locked memory, which is 4096 bytes: " : "traces", output);
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
